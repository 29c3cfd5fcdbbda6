"""Figures, each measured beside its own floor in the same run."""
