#!/usr/bin/env bash
# Run make targets one after the other, all of them even when one fails, and say of each how long it took and how many
# checks it ran. A check is a line `ok ...` or `not ok ...` (tools/check.sh), or a test of pytest's summary.
# A stage that ran no check fails: an empty test suite must not look like a passing one.
set -uo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The sum of what pytest calls $1 (passed, failed, error, skipped) in all summary lines of the log.
pytest_sum() { grep -aE '\bin [0-9.]+s\b' "$log" | grep -aoE "[0-9]+ $1" | awk '{ sum += $1 } END { print sum + 0 }'; }
lines() { grep -acE "^$1 " "$log"; }

table="" passed=0 failed=0
for stage in "$@"; do
  printf '\n--- %s\n' "$stage"
  begin=$SECONDS
  make --silent --no-print-directory "$stage" </dev/null 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  good=$(($(lines ok) + $(pytest_sum passed)))
  bad=$(($(lines 'not ok') + $(pytest_sum failed) + $(pytest_sum error)))
  skipped=$(pytest_sum skipped)
  result=passed
  if ((status)); then result="FAILED (exit code $status)"
  elif ((bad)); then result="FAILED, though its exit code is 0"
  elif ((good == 0)); then result="FAILED: it ran nothing"; fi
  # A stage that failed outside of any check is a failure too.
  if [[ $result != passed && $bad == 0 ]]; then bad=1; fi
  if ((skipped)); then result+=", $skipped skipped"; fi
  table+=$(printf '%-12s %5d s %6d passed %4d failed   %s' "$stage" $((SECONDS - begin)) "$good" "$bad" "$result")$'\n'
  passed=$((passed + good)) failed=$((failed + bad))
done
printf '\n%s%d passed, %d failed\n' "$table" "$passed" "$failed"
((failed == 0))
