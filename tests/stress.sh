#!/usr/bin/env bash
# The tests of memory, chains and fast paths under each setting that stresses them; arguments go to
# pytest, instead of the tests that are named here. A setting of one's own:
# SYMGRAD_FLAGS=stress.block=3 tests/stress.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

settings=(
    stress.block=1,stress.fill=True
    stress.block=2,stress.threads=1,threads=3
    stress.chain=1,stress.gemm=1,stress.rows=1,stress.fill=True
    stress.reuse=never
    stress.reuse=always,stress.block=3
)
if [ -n "${SYMGRAD_FLAGS:-}" ]; then settings=("$SYMGRAD_FLAGS"); fi
if [ $# = 0 ]; then
    set -- -n 0 tests/plan tests/backend/numpy/test_lengths_at_run_time.py tests/backend/numpy/test_stress.py \
        tests/backend/numpy/test_spares.py tests/ops/linalg/test_gemm.py tests/ops/nnet/test_row_losses.py \
        tests/test_random_graphs.py tests/programs
fi

for setting in "${settings[@]}"; do
    echo "$setting"
    SYMGRAD_FLAGS=$setting "${PYTHON:-python}" -m pytest -q "$@"
done
