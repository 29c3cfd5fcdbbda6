#!/usr/bin/env bash
# check.sh NAME COUNT COMMAND...: run one check and say `ok NAME (COUNT files)` or `not ok NAME`.
# COUNT is how many files COMMAND looks at, or `-` where it tells that itself; a check of no files is not ok.
set -uo pipefail
name=$1 count=$2
shift 2
output=$("$@" 2>&1)
status=$?
[[ $count != - ]] || count=$(grep -oE 'in [0-9]+ (source )?files?' <<<"$output" | tail -n 1 | tr -dc 0-9)
if ((status)); then
  printf '%s\nnot ok %s: `%s` ended with exit code %d\n' "$output" "$name" "$1" "$status"
  exit 1
elif ((${count:-0} == 0)); then
  printf '%s\nnot ok %s: it looked at no file\n' "$output" "$name"
  exit 1
fi
echo "ok $name ($count files)"
