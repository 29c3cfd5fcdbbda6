"""Make the checkout importable in plain pytest: as ansible_collections.turbostable.tpu, and lab beside it."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# .collections holds a symlink to the checkout: namespace packages do the rest, without Ansible's own import hook.
for path in (ROOT / ".collections", ROOT):
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))
