#!/usr/bin/env bash
# Every Molecule scenario on the lab, then the integration tests, which want the fleet that the scenarios leave serving.
set -uo pipefail
cd "$(dirname "$0")/.."
export NO_COLOR=1 PY_COLORS=0 ANSIBLE_NOCOLOR=1 ANSIBLE_FORCE_COLOR=0

failed=0
for scenario in molecule/*/molecule.yml; do
  name=$(basename "$(dirname "$scenario")")
  if molecule test --scenario-name "$name"; then echo "ok molecule $name"; else failed=1; echo "not ok molecule $name"; fi
done
python -m pytest tests/integration || failed=1
exit "$failed"
