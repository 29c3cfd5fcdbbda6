"""Figures, each measured beside its own floor in the same run."""

import sys
from pathlib import Path

# The checkout as the collection that it is; nothing is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / ".collections"))
