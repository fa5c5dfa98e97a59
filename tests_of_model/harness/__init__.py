"""Replicates, diagnosis and verdicts; power/ has studies of power."""
