#!/usr/bin/env bash
# A search that is killed, interrupted or out of disk keeps what it found, and --resume ends with the same bytes.
# Usage: plan_resume_test.sh BIN SOURCE
set -eu
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
job=$source/configs/jobs/qwen2.5-vl-7b_h100x8.json
outputs="plan.json pareto.json pareto.csv trace.json.gz report.html"
plan() { "$bin/bigmac-plan" "$job" --threads 1 --effort 0.3 "$@" >/dev/null 2>>"$work/notes"; }
same() { for name in $outputs; do cmp "$work/whole/$name" "$work/$1/$name"; done; }
records() { wc -l <"$work/$1/search.journal"; }

plan -o "$work/whole"
whole=$(records whole)

# Waits until the journal of a search just started holds some records; false when it ended before.
wait_for_records() {  # FOLDER COUNT PID
  while kill -0 "$3" 2>/dev/null; do
    [ -e "$work/$1/search.journal" ] && [ "$(records "$1")" -ge "$2" ] && return 0
    sleep 0.005
  done
  return 1
}

echo "kill -9, again and again, each time a bit further"
killed=0
for step in 10 100 300 500; do
  plan -o "$work/killed" --resume &
  pid=$!
  wait_for_records killed "$step" $pid && kill -9 $pid && killed=$((killed + 1))
  wait $pid 2>/dev/null || true
done
[ "$killed" -ge 2 ] || { echo "killed only $killed times: the search is over too soon to test this"; exit 1; }
before=$(records killed)
plan -o "$work/killed" --resume
[ "$(records killed)" -eq "$whole" ] && [ "$before" -gt 1 ]
same killed

echo "cut at any byte of the last record"
size=$(stat -c %s "$work/killed/search.journal")
for cut in 1 2 7 30; do
  mkdir -p "$work/cut" && cp "$work/killed/search.journal" "$work/cut/"
  truncate -s $((size - cut)) "$work/cut/search.journal"
  plan -o "$work/cut" --resume
  same cut
  cmp "$work/killed/search.journal" "$work/cut/search.journal"
done

echo "a damaged record in the middle is refused by its line"
mkdir "$work/damaged" && sed '5s/,/;/' "$work/whole/search.journal" >"$work/damaged/search.journal"
if plan -o "$work/damaged" --resume; then exit 1; else [ $? -eq 2 ]; fi
grep -q 'search.journal: line 5: the record fails its checksum' "$work/notes"

echo "a journal of another search is refused"
if "$bin/bigmac-plan" "$job" --threads 1 --seed 7 -o "$work/whole" --resume >/dev/null 2>"$work/other"; then exit 1; else [ $? -eq 2 ]; fi
grep -q 'belongs to another search' "$work/other"

echo "SIGINT: what was found is written, and --resume finds the rest"
"$bin/bigmac-plan" "$job" --threads 1 --effort 0.3 -o "$work/interrupted" >/dev/null 2>>"$work/notes" &
pid=$!
if wait_for_records interrupted 100 $pid; then
  kill -INT $pid
  code=0
  wait $pid || code=$?
  if [ $code -ne 0 ]; then
    [ $code -eq 130 ]
    "$bin/bigmac-sim" check "$work/interrupted/plan.json" | grep -qx valid
  fi
fi
plan -o "$work/interrupted" --resume
same interrupted

echo "no room left: no torn file, and what was found is kept"
(
  trap '' XFSZ
  ulimit -f 8 # blocks of 1024 bytes
  mkdir "$work/full"
  if plan -o "$work/full"; then exit 1; else [ $? -eq 2 ]; fi
)
grep -q 'what was found before is kept' "$work/notes"
[ "$(ls "$work/full")" = search.journal ]
[ -z "$(tail -c 1 "$work/full/search.journal" | tr -d "\n")" ]
plan -o "$work/full" --resume
same full
