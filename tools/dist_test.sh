#!/usr/bin/env bash
# Run tools/test.py in several processes, one a GPU (or on the CPU, where there is none).
# Usage: tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of test.py]
# More machines: set NNODES, NODE_RANK, MASTER_ADDR (and PORT) on each of them.
set -euo pipefail

if [ $# -lt 3 ]; then
    echo "usage: $0 CONFIG CHECKPOINT GPUS [options of test.py]" >&2
    exit 2
fi
target=("$1" "$2") gpus=$3
shift 3

"${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$(dirname "$0")/test.py" "${target[@]}" --launcher pytorch "$@"
