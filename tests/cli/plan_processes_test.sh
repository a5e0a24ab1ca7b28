#!/usr/bin/env bash
# bigmac-plan on four processes writes the bytes of one; one of them killed, nothing reported is lost.
# Usage: plan_processes_test.sh BIN SOURCE
set -eu
bin=$(realpath "$1") source=$(realpath "$2")
command -v mpirun >/dev/null && ldd "$bin/bigmac-plan" | grep -q libmpi || { echo "skipped: built without MPI"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
job=$source/configs/jobs/qwen2.5-vl-7b_h100x8.json
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
on_four() { mpirun --oversubscribe -n 4 "$bin/bigmac-plan" "$job" --threads 1 --effort 0.3 "$@"; }
same() { for name in plan.json pareto.json pareto.csv trace.json.gz report.html; do cmp "$work/one/$name" "$work/$1/$name"; done; }

"$bin/bigmac-plan" "$job" --threads 1 --effort 0.3 -o "$work/one" >/dev/null 2>&1
on_four -o "$work/four" >/dev/null 2>&1
same four
cmp <(sort "$work/one/search.journal") <(sort "$work/four/search.journal")

# A process that evaluates is killed: mpirun ends the others.
on_four -o "$work/killed" >/dev/null 2>&1 &
pid=$!
worker=""
while kill -0 $pid 2>/dev/null; do
  if [ -e "$work/killed/search.journal" ] && [ "$(wc -l <"$work/killed/search.journal")" -ge 20 ]; then
    for child in $(cat /proc/$pid/task/*/children); do worker=$child; done # the last one: not the process that searches
    kill -9 "$worker" && break
  fi
  sleep 0.005
done
wait $pid || true
[ -n "$worker" ] || { echo "over too soon to kill a process"; exit 1; }
cp "$work/killed/search.journal" "$work/reported"
on_four -o "$work/killed" --resume >/dev/null 2>&1
same killed
# Every whole record that was there still is.
comm -23 <(head -n -1 "$work/reported" | sort) <(sort "$work/killed/search.journal") | { ! grep -q .; }

# Bad input: one message, exit code 2.
code=0
on_four --base nonsense -o "$work/bad" >/dev/null 2>"$work/bad.txt" || code=$?
[ $code -eq 2 ] && [ "$(grep -c '^error:' "$work/bad.txt")" -eq 1 ]
