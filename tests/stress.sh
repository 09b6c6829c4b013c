#!/usr/bin/env bash
# The tests of memory, chains and fast paths under each setting that stresses them; arguments go to
# pytest. A setting of one's own: `SYMGRAD_FLAGS=stress.block=3 tests/stress.sh`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

settings=(
    stress.block=1,stress.threads=1,stress.fill=True
    stress.chain=1,stress.gemm=1,stress.rows=1,stress.fill=True
    stress.reuse=never
    stress.reuse=always,stress.block=3
)
if [ -n "${SYMGRAD_FLAGS:-}" ]; then settings=("$SYMGRAD_FLAGS"); fi

for setting in "${settings[@]}"; do
    echo "$setting"
    SYMGRAD_FLAGS=$setting "${PYTHON:-python}" -m pytest -q "$@" \
        tests/plan tests/backend tests/rewrite tests/ops/test_gemm.py tests/ops/test_row_losses.py \
        tests/test_programs.py tests/test_random_graphs.py
done
