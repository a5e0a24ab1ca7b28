#!/usr/bin/env bash
# bigmac-profile measure without a GPU: it says what it would run, and what is missing. Usage: measure_test.sh BIN SOURCE
set -u
profile=$(realpath "$1")/bigmac-profile
cd "$2" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }

for model in configs/models/*.json; do
  "$profile" measure --model "$model" --sequence 4096 --image-tokens 1024 --tp 1,2 >"$work/out" 2>"$work/err" || fail "$model: $(cat "$work/err")"
  grep -qE '^(product|stream) ' "$work/out" || fail "$model: no kernels"
done
"$profile" measure --model configs/models/llama-3.1-8b.json >"$work/out" 2>"$work/err"
# Llama 3.1 8B: qkv 4096 x (32 + 2 x 8) 128, 4096 tokens.
grep -qE '^product +4096 +6144 +4096 +1$' "$work/out" || fail "the query, key and value projection of Llama 3.1 8B"
grep -q 'nothing was measured' "$work/err" || fail "it does not say that nothing was measured"

refused() {  # refused PATTERN ARGS...
  local pattern=$1
  shift
  "$profile" measure "$@" >"$work/out" 2>"$work/err"
  local code=$?
  [ $code -eq 2 ] || fail "measure $* ended with $code"
  grep -qE -- "$pattern" "$work/err" || fail "measure $* did not say /$pattern/: $(cat "$work/err")"
}
refused 'No such file' --model absent.json
refused 'integers from 1' --model configs/models/llama-3.1-8b.json --sequence 0
refused 'model is required' --gpu
refused '--cluster FILE' --model configs/models/llama-3.1-8b.json --attention formula
refused "did you mean 'unfused'" --model configs/models/llama-3.1-8b.json --attention unfuse
"$profile" measure --model configs/models/llama-3.1-8b.json --attention formula --cluster configs/clusters/h100-80g.json 2>/dev/null | grep -q '^attention' &&
  fail "attention by formula is run all the same"
refused 'folder' --model configs/models/llama-3.1-8b.json --gpu
if ! ldconfig -p | grep -q libcuda.so.1; then
  refused 'GPU: expected NVIDIA.s driver \(libcuda.so.1\)' --model configs/models/llama-3.1-8b.json --gpu 0 -o "$work/tables"
  [ ! -e "$work/tables" ] || fail "a folder was left behind"
fi
exit $failed
