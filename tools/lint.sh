#!/usr/bin/env bash
# Every linter over every file, all of them even when one fails.
set -uo pipefail
cd "$(dirname "$0")/.."
# No inventory: the one of ansible.cfg asks Google.
export NO_COLOR=1 ANSIBLE_LINT_SKIP_SCHEMA_UPDATE=1 ANSIBLE_INVENTORY=/dev/null

# Files that git tracks or would track, and that are there.
files() { git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while read -r file; do [[ ! -f $file ]] || echo "$file"; done; }
mapfile -t yaml < <(files '*.yml' '*.yaml' .yamllint .ansible-lint)
mapfile -t bash < <(files | xargs -d '\n' grep -lIE '^#!.*\b(ba)?sh$' --)
python=$(ruff check --show-files | wc -l)

failed=0
tools/check.sh ruff "$python" ruff check --no-cache || failed=1
tools/check.sh ruff-format "$python" ruff format --check || failed=1
tools/check.sh yamllint "${#yaml[@]}" yamllint --strict "${yaml[@]}" || failed=1
# Offline: the collections that the roles call come with the ansible package.
tools/check.sh ansible-lint - ansible-lint --offline --strict || failed=1
tools/check.sh bash-syntax "${#bash[@]}" bash -c 'for file; do bash -n "$file" || exit; done' bash "${bash[@]}" || failed=1
exit "$failed"
