#!/usr/bin/env bash
# Bad input ends with exit code 2 and one line that says where and what was expected; deadlocks with 4; nothing is
# half-written. Usage: exit_codes_test.sh BIN SOURCE
set -u
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

# expect CODE PATTERN COMMAND...: exit code, and the pattern in standard error, which is one line for bad input.
expect() {
  local code=$1 pattern=$2 got
  shift 2
  "$@" >out.txt 2>err.txt
  got=$?
  if [ $got -ne "$code" ]; then echo "FAIL: $* ended with $got, expected $code"; cat err.txt; failed=1; fi
  if [ -n "$pattern" ] && ! grep -qE -- "$pattern" err.txt; then echo "FAIL: $* did not say /$pattern/:"; cat err.txt; failed=1; fi
  if [ "$code" -eq 2 ] && [ "$(grep -vc '^note:' err.txt)" -ne 1 ]; then echo "FAIL: $* said more than one line:"; cat err.txt; failed=1; fi
}

job() {  # job RANKS CHUNKS MICROBATCHES F [EXTRA]
  printf '{"schema": "bigmac.job/1", "pipeline": {"ranks": %s, "chunks": %s, "microbatches": %s},
 "costs_ns": {"llm": {"F": %s, "B": 2000}, "encoder": {"F": 500, "B": 1000}, "generator": {"F": 550, "B": 550}}%s}' "$1" "$2" "$3" "$4" "${5:-}"
}
sim="$bin/bigmac-sim"
plan="$bin/bigmac-plan"

job 4 2 12 1000 >good.json
expect 0 '' "$sim" run good.json --schedule bigmac -o good.schedule.json
expect 0 '' "$sim" check good.schedule.json
expect 4 'deadlock' "$sim" run good.json --schedule bigmac --set encoder_warmup_groups=2
grep -q 'waits for' err.txt || { echo "FAIL: no cycle printed"; failed=1; }
[ ! -e two.json ] || failed=1

head -c 100 good.json >truncated.json
expect 2 'truncated.json: line [0-9]+ column [0-9]+' "$sim" run truncated.json --schedule bigmac
job 0 2 12 1000 >b.json; expect 2 '/pipeline/ranks: expected an integer from 1' "$sim" run b.json --schedule bigmac
job 4 2 0 1000 >b.json; expect 2 '/pipeline/microbatches: expected' "$sim" run b.json --schedule bigmac
job 4 2 12 -1 >b.json; expect 2 '/costs_ns/llm/F: expected a number from 0' "$sim" run b.json --schedule bigmac
job 4 2 12 NaN >b.json; expect 2 'not valid JSON' "$sim" run b.json --schedule bigmac
job 4 2 12 1e999 >b.json; expect 2 'b.json' "$sim" run b.json --schedule bigmac
job 4 2 12 1e16 >b.json; expect 2 '/costs_ns/llm/F: expected a number' "$sim" run b.json --schedule bigmac
job 4 2 12 '"fast"' >b.json; expect 2 '/costs_ns/llm/F: expected a number .* found a string' "$sim" run b.json --schedule bigmac
job 4 2 12 '[1, 2]' >b.json; expect 2 'an array of 8 \(one per stage\), found 2' "$sim" run b.json --schedule bigmac
job 8192 1024 1048576 1 >b.json; expect 2 'stages; at most' "$sim" run b.json --schedule bigmac
job 8192 4 1048576 1 >b.json; expect 2 'operations; at most' "$sim" run b.json --schedule bigmac
job 5 1 10 1000 >b.json; expect 2 'even number of ranks' "$sim" run b.json --schedule naive --base dualpipe
expect 2 "unknown schedule 'bigmak'; did you mean 'bigmac'" "$sim" run good.json --schedule bigmak
expect 2 'unknown base' "$sim" run good.json --schedule bigmac --base zigzag
expect 2 'unknown parameter' "$sim" run good.json --schedule bigmac --set nothing=1
expect 2 'expected an integer' "$sim" run good.json --schedule bigmac --set encoder_warmup_groups=three
expect 2 'No such file' "$sim" run absent.json --schedule bigmac
expect 2 'is a folder' "$sim" run . --schedule bigmac
expect 2 'No such file' "$sim" run good.json --schedule bigmac -o absent/out.json
expect 2 'no encoder|without encoder' "$sim" run good.json --schedule 1f1b
expect 2 'bigmac.job/1' "$sim" run good.schedule.json --schedule bigmac
expect 2 '' "$sim" frobnicate
expect 2 "expected 'model' and 'cluster'" "$plan" good.json

sed 's/"start_ns": 500/"start_ns": 501/' good.schedule.json >b.json; expect 4 'disagrees' "$sim" check b.json
grep -v '"microbatch": 3, "start_ns"' good.schedule.json >b.json; expect 4 'microbatch 3|needs' "$sim" check b.json
sed 's/"ranks":4/"ranks":5/' good.schedule.json >b.json; expect 2 '/pipeline/ranks' "$sim" check b.json
head -c 3000 good.schedule.json >b.json; expect 2 'line' "$sim" check b.json

qwen=$source/configs/jobs/qwen2.5-vl-7b_h100x8.json
expect 2 "unknown schedule" "$plan" "$qwen" --schedule nested
expect 2 'expected a size' "$plan" "$qwen" --memory-limit lots
expect 3 'nearest miss' "$plan" "$qwen" --memory-limit 1GB
if [ "$(id -u)" -ne 0 ]; then
  mkdir locked; chmod a-w locked
  expect 2 'cannot' "$plan" "$qwen" -o locked/out
fi
if [ -c /dev/full ]; then
  expect 2 'No space left' "$sim" run good.json --schedule bigmac -o /dev/full
  [ -c /dev/full ] || { echo "FAIL: a device was replaced by a file"; failed=1; }
fi
mkdir target; ln -s target/real.json link.json
expect 0 '' "$sim" run good.json --schedule bigmac -o link.json
[ -L link.json ] && [ -s target/real.json ] || { echo "FAIL: a link was replaced by a file"; failed=1; }

fixed() {  # fixed NAME VALUE: the 7B job with one degree fixed
  sed "s#\.\./#$source/configs/#; s#\"schema\": \"bigmac.job/1\",#&\"parallel\": {\"$1\": $2}, #" "$qwen" >b.json
}
fixed pp 64; expect 2 '/parallel/pp: expected pp to divide the 8 GPUs, found 64' "$plan" b.json
fixed tp 3; expect 2 '/parallel/tp: expected tp to divide the 8 GPUs' "$plan" b.json
fixed vpp 40; expect 2 '/parallel/vpp: expected pp x vpp to be at most 30' "$plan" b.json
sed "s#\.\./#$source/configs/#" "$source/configs/jobs/optimus-b.json" >listed.json
expect 0 '' "$plan" listed.json --schedule balanced -o listed
for format in megatron-args torchtitan; do
  expect 2 "one list of all modules' layers" "$plan" export listed/plan.json --format $format -o listed/out
done
expect 2 "one list of all modules' layers" "$sim" export listed/plan.json --format megatron-layout -o listed/out
expect 0 '' "$sim" export listed/plan.json --format torch-csv -o listed/order.csv
touch a_file
expect 2 'a_file' "$plan" "$qwen" -o a_file
sed "s#../models/qwen2.5-vl-7b.json#$work/unknown.json#; s#\.\./#$source/configs/#" "$qwen" >b.json
echo '{"model_type": "brontosaurus"}' >unknown.json
expect 2 "unknown model_type 'brontosaurus'.*known: .*qwen3_vl" "$plan" b.json
[ -z "$(find . -name '*.part')" ] || { echo "FAIL: half-written files left"; failed=1; }
exit $failed
