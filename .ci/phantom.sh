#!/usr/bin/env bash
# What a user does first, in minutes made seconds: `.ci/phantom.sh FOLDER_OF_PYTHON`.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "$1") repo=$PWD config=$PWD/configs/lsnet/lsnet_small_phantom.py
export OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore
work=$(mktemp -d)
trap 'tail -n 20 "$work"/*.txt >&2' ERR
trap 'rm -rf "$work"' EXIT
cd "$work"

"$bin/python" "$repo/tools/make_phantom.py" download --download --cases 6 --size 96 --slices 16
"$bin/python" "$repo/tools/prepare_pancreas_ct.py" download data/phantom
run() { "$bin/python" "$repo/tools/$1.py" "$config" "${@:2}" --work-dir run; }
run train --cfg-options train_cfg.max_epochs=1 > log.txt
run train --resume --cfg-options train_cfg.max_epochs=2 >> log.txt
grep -q 'Resuming from .*epoch_1.pth' log.txt
run test run/epoch_2.pth > scores.txt
test -s run/result.json
"$bin/python" "$repo/tools/export.py" "$config" run/epoch_2.pth -o exported
study=$(dirname "$(find download -name '*.dcm' | sort | head -n 1)")
"$bin/lsnet-segment" "$study" -m "$config" exported/model.pth -o masks --dicom-seg
test -n "$(find masks -name '*.nii.gz')" && test -n "$(find masks -name '*.dcm')"
