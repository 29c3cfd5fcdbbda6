"""Figures, each measured beside its own floor in the same run."""

import sys
from pathlib import Path

# The collection, as the checkout has it.
sys.path.insert(0, str(Path(__file__).parents[1] / ".collections"))
