#!/usr/bin/env bash
# ansible-test sanity over the collection as it is built and installed: all tests, each with the versions that
# ansible-test itself pins. It refuses a symlinked checkout, so this is a real copy.
set -euo pipefail
cd "$(dirname "$0")/.."
# ansible-test keeps its virtual environments in the home directory: this one is ours, kept for the next run.
home=$PWD/.cache/sanity
# Outside of the checkout, where git would call all of it ignored.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
copy=$work/ansible_collections/turbostable/tpu
log=$work/log
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

mkdir -p "$copy" "$home/.config/pip" "$home/.ansible/test/cache"
ansible-galaxy collection build --force --output-path "$work" >/dev/null
tar -xzf "$work"/turbostable-tpu-*.tar.gz -C "$copy"
# The list of exceptions is no part of what is installed.
[[ ! -d tests/sanity ]] || { mkdir -p "$copy/tests" && cp -r tests/sanity "$copy/tests/"; }

# ansible-test hands neither PIP_* variables nor another home's settings on: pip's settings here, as a file.
cp tools/get_pip.py "$home/.ansible/test/cache/get_pip_24_2.py"
{
  echo "[global]"
  # In the order of precedence; of two values the last one counts, and \n parts a list.
  pip config list | sort --reverse | sed -nE "s/^[^=]*\.([a-z-]+)=(['\"])(.*)\2\$/\1 = \3/p" |
    awk '{ last[$1] = $0 } END { for (key in last) print last[key] }' | sed 's/\\n/\n  /g'
} >"$home/.config/pip/pip.conf"

cd "$copy"
status=0
# The collections beside ours come with the ansible package; ansible.cfg of the checkout is not for the copy.
env -u ANSIBLE_CONFIG HOME="$home" LC_ALL=C.UTF-8 ansible-test sanity -v --color no --python "$version" "$@" >"$log" 2>&1 || status=$?

grep -E '^(ERROR|FATAL|See documentation)' "$log" || true
awk '
  /^FATAL: The .* listed below/ { listing = 1; next }
  listing { failed[$1] = 1; next }
  match($0, /^Running sanity test "[^"]*"/) { test = substr($0, 22, RLENGTH - 22); if (!(test in seen)) tests[++count] = test; seen[test] = 1 }
  /^WARNING: Required program/ || /No tests applicable/ { sub(/^WARNING: /, ""); skipped[test] = $0 }
  END {
    for (i = 1; i <= count; i++) {
      test = tests[i]
      if (test in failed) print "not ok sanity " test
      else if (test in skipped) print "skipped sanity " test ": " skipped[test]
      else { print "ok sanity " test; ran++ }
    }
    if (!ran) { print "not ok sanity: no test ran"; exit 1 }
  }' "$log" || { tail -n 20 "$log"; exit 1; }
exit "$status"
