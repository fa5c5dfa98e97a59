"""Replicates, diagnosis, verdicts and power."""
