#!/usr/bin/env bash
# Make .venv from the hashed lock. `make setup` calls it only when the lock is newer than the stamp.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3.11}"
command -v "$python" >/dev/null || python=python3

as_root() { if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi; }

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "setup: installing python3-venv"
  command -v apt-get >/dev/null || { echo "setup: Python's venv module is missing; install it, then run again" >&2; exit 1; }
  as_root env DEBIAN_FRONTEND=noninteractive bash -c 'apt-get update -q && apt-get install -qy python3 python3-venv' >/dev/null
fi
"$python" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' ||
  { echo "setup: $("$python" --version) is too old; expected Python 3.11 or later (PYTHON=... names another)" >&2; exit 1; }

# A set-up that was interrupted leaves no stamp: pip then completes what is there.
[[ -x .venv/bin/python ]] && .venv/bin/python -c 'import pip' 2>/dev/null || "$python" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
touch .venv/.stamp
