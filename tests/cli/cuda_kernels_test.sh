#!/usr/bin/env bash
# The CUDA kernels of bigmac-profile measure, run on the CPU against their definitions. Usage: cuda_kernels_test.sh BIN SOURCE
set -eu
command -v "${CXX:-c++}" >/dev/null || { echo "skipped: no compiler at hand"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n '/R"cuda(/,/^)cuda"/p' "$2/profiler/measure/cuda_kernels.cpp" | sed '1d;$d' >"$work/kernels.inc"
grep -q norm_backward "$work/kernels.inc"
"${CXX:-c++}" -std=c++20 -O1 -pthread -I"$work" -I"$2/tests/stand_ins" "$2/tests/stand_ins/kernels/kernels_on_cpu.cpp" -o "$work/kernels"
"$work/kernels"
