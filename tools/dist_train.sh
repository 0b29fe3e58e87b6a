#!/usr/bin/env bash
# Run tools/train.py in several processes, one a GPU (or on the CPU, where there is none).
# Usage: tools/dist_train.sh CONFIG GPUS [options of train.py]
# More machines: set NNODES, NODE_RANK, MASTER_ADDR (and PORT) on each of them.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG GPUS [options of train.py]" >&2
    exit 2
fi
target=("$1") gpus=$2
shift 2

"${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$(dirname "$0")/train.py" "${target[@]}" --launcher pytorch "$@"
