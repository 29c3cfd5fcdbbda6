#!/usr/bin/env bash
# Write requirements.txt beside every requirements.in: each package with all it needs, by version and hash.
# Only the public index counts: a machine's own pip configuration must not leak into the lock.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_INDEX_URL PIP_CONSTRAINT
for file in requirements roles/xla_cache/files/requirements; do
  PIP_CONFIG_FILE=/dev/null CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/pip-compile --quiet --allow-unsafe --strip-extras \
    --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file "$file.txt" \
    "$file.in" "$@"
done
