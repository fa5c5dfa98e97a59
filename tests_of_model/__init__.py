"""The hypotheses, their estimators, and their diagnosis."""
