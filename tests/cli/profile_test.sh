#!/usr/bin/env bash
# Recordings that are broken or hostile end with exit code 2 and one line with the file and the byte; odd but sound ones are read; a
# recording becomes a cost table that drives bigmac-plan, which says what was measured. Usage: profile_test.sh BIN SOURCE
set -u
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
profile="$bin/bigmac-profile" replay="$bin/bigmac-replay" plan="$bin/bigmac-plan"

# expect CODE PATTERN COMMAND...: exit code, and the pattern in standard output or error; one line of error for bad input.
expect() {
  local code=$1 pattern=$2 got
  shift 2
  "$@" >out.txt 2>err.txt
  got=$?
  if [ $got -ne "$code" ]; then echo "FAIL: $* ended with $got, expected $code"; head -5 err.txt; failed=1; fi
  if ! cat out.txt err.txt | grep -qE -- "$pattern"; then echo "FAIL: $* did not say /$pattern/:"; head -5 out.txt err.txt; failed=1; fi
  if [ "$code" -eq 2 ] && [ "$(grep -vc '^note:' err.txt)" -ne 1 ]; then echo "FAIL: $* said more than one line:"; head -5 err.txt; failed=1; fi
}

event() {  # event CAT NAME TID TS DUR [ARGS]
  printf '{"ph":"X","cat":"%s","name":"%s","pid":1,"tid":%s,"ts":%s,"dur":%s,"args":{%s}}' "$1" "$2" "$3" "$4" "$5" "${6:-}"
}
launch=$(event cuda_runtime cudaLaunchKernel 9 100 5 '"correlation":7')
kernel=$(event kernel gemm 7 110.125 40 '"correlation":7,"device":0,"stream":7')
echo "{\"traceEvents\": [$launch, $kernel], \"distributedInfo\": {\"rank\": 0}}" >good.json
expect 0 'launch record: 1 of 1' "$profile" import good.json
expect 0 'self-replay  0.000 %' "$replay" good.json
expect 0 '"self_replay_error": 0.0' "$replay" good.json --json

# Odd but sound.
echo "[$launch, $kernel]" >list.json
expect 0 'launch record: 1 of 1' "$profile" import list.json
echo "[$launch, $(event kernel "ge$(printf '\001')m$(printf '\t')m" 7 110 40 '"correlation":7')]" >control.json
expect 0 'launch record: 1 of 1' "$profile" import control.json
echo "[$(event cpu_op mm '"worker"' 100 5), $(event cpu_op mm '"9"' 100 5)]" >strings.json
expect 0 'operation +2' "$profile" import strings.json
gzip -k good.json
expect 0 'launch record: 1 of 1' "$profile" import good.json.gz

# Broken.
head -c 150 good.json >truncated.json
expect 2 'truncated.json: byte 150: the file ends early' "$profile" import truncated.json
head -c 60 good.json.gz >truncated.json.gz
expect 2 'truncated.json.gz: byte 60 of the compressed file: the compressed file ends early' "$profile" import truncated.json.gz
(head -c 40 good.json.gz; printf 'XXXXXXXXXX'; tail -c +51 good.json.gz) >corrupt.json.gz
expect 2 'corrupt.json.gz: byte [0-9]+ of the compressed file: corrupt gzip' "$profile" import corrupt.json.gz
echo "[$launch, {\"a\": $(printf '[%.0s' $(seq 5000))]" >deep.json
expect 2 "deep.json: byte $((${#launch} + 3)): nested deeper than 64" "$profile" import deep.json
echo "[$launch, $(event kernel gemm 7 110 -4)]" >negative.json
expect 2 "negative.json: byte $((${#launch} + 3)): dur: expected a number of microseconds from 0" "$replay" negative.json
echo "[$launch, $(event kernel gemm 7 '"soon"' 4)]" >type.json
expect 2 "type.json: byte $((${#launch} + 3)): ts: expected a number" "$profile" import type.json
echo "[$launch, 5]" >scalar.json
expect 2 'scalar.json: byte [0-9]+: expected an event' "$profile" import scalar.json
echo "[$launch, {\"ph\": nonsense}]" >nonsense.json
expect 2 'nonsense.json: byte [0-9]+: expected' "$profile" import nonsense.json
printf '[%s, {"ph":"X","cat":"kernel","name":"g\377m"}]' "$launch" >utf8.json
expect 2 "utf8.json: byte $((${#launch} + 3)): " "$profile" import utf8.json
echo '{"traceEvents": 5}' >number.json; expect 2 'number.json: byte 16: expected' "$profile" import number.json
: >empty.json; expect 2 'empty.json: byte 0: the file ends early' "$profile" import empty.json
expect 2 'absent.json: No such file' "$profile" import absent.json
expect 2 'is a folder' "$replay" .
expect 2 'no GPU operation' "$replay" strings.json
awk 'BEGIN { printf "["; for (i = 0; i < 1048600; ++i) printf "%s{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"a\",\"pid\":1,\"tid\":%d,\"ts\":1,\"dur\":1}", i ? "," : "", i; print "]" }' >threads.json
expect 2 'threads.json: byte [0-9]+: more than 1,048,576 threads' "$profile" import threads.json
rm threads.json

header='{"schema": "bigmac.trace/1", "pid": 1}'
printf '%s\n["name", 0, "k"]\n["kernel", 5, 4, 0, 7, 1, 0]\n' "$header" >own.jsonl
expect 2 "own.jsonl: byte $((${#header} + 18)): ends before it starts" "$profile" import own.jsonl
head -c 3000 /dev/urandom | cat <(printf 'SQLite format 3\0') - >broken.sqlite
expect 2 'broken.sqlite: ' "$profile" import broken.sqlite
printf '\200\004cos\nsystem\n(S"touch ran"\ntR.' >code.pickle
expect 2 'code.pickle: byte 2: pickle opcode 99 imports or calls something' "$profile" memory code.pickle
[ ! -e ran ] || { echo "FAIL: a pickle ran code"; failed=1; }
expect 2 'code.pickle' "$profile" import code.pickle
expect 2 'no memory events' "$profile" memory good.json

# Questions.
expect 0 'kernels gemm: 1 operations' "$replay" good.json --scale gemm=0.5
expect 0 'another GPU: 1 operations' "$replay" good.json --from "$source/configs/clusters/a100-80g.json" --to "$source/configs/clusters/h100-80g.json"
expect 2 'expected REGEX=FACTOR' "$replay" good.json --scale gemm
expect 2 'not a regular expression' "$replay" good.json --scale '(=2'
expect 2 'factor from 0 to 1000' "$replay" good.json --communication -1
expect 2 'expected both' "$replay" good.json --from "$source/configs/clusters/h100-80g.json"
expect 2 "unknown range" "$replay" good.json --step ProfilerStep#1
expect 2 'expected REGEX=MODULE/KIND' "$profile" layers good.json --layer x
expect 2 "unknown grouping 'lair'" "$profile" layers good.json --by lair
expect 2 'no layer ran forward' "$profile" layers good.json --costs c.json --tokens 4096
[ ! -e c.json ] || { echo "FAIL: c.json was written"; failed=1; }

# From a recording to a plan: one layer forward and backward, 4,096 tokens, tp 1.
cat >layer.jsonl <<EOT
$header
["name", 0, "layer:llm/transformer/0"]
["name", 1, "layer:llm/transformer/0 backward"]
["name", 2, "cudaLaunchKernel"]
["name", 3, "gemm"]
["name", 4, "wgrad_gemm"]
["range", 0, 90000, 9, 0]
["range", 100000, 190000, 9, 1]
["call", 10000, 15000, 9, 1, 2]
["kernel", 20000, 5020000, 0, 7, 1, 3]
["call", 110000, 115000, 9, 2, 2]
["kernel", 5020000, 10520000, 0, 7, 2, 3]
["call", 120000, 125000, 9, 3, 2]
["kernel", 10520000, 15420000, 0, 7, 3, 4]
["call", 200000, 205000, 9, 4, 2]
["kernel", 15420000, 17133333, 0, 7, 4, 3]
EOT
expect 0 'unattributed to a layer: 10.01 %' "$profile" layers layer.jsonl --costs costs.json --tokens 4096 --source 'a test'
grep -q '"forward_us": 5000.0' costs.json || { echo "FAIL: costs.json lacks the forward time"; failed=1; }
sed "s#\.\./#$source/configs/#; s#\"gpus\"#\"costs\": \"$work/costs.json\", \"gpus\"#" "$source/configs/jobs/qwen2.5-vl-7b_h100x8.json" >job.json
sed -i 's#"batch": {#"parallel": {"tp": 1}, "batch": {#' job.json
expect 0 'costs: llm/transformer \(28 layers, tp 1\): measured at 4096 tokens' "$plan" job.json --schedule bigmac -o out
grep -q 'costs: llm/head (1 layers, tp 1): filled in by the analytic model' out.txt || { echo "FAIL: nothing filled in"; cat out.txt; failed=1; }
grep -q '"llm/transformer (28 layers, tp 1): measured at 4096 tokens"' out/plan.json || { echo "FAIL: plan.json does not say"; failed=1; }
exit $failed
