"""H1 to H4, and what their estimators share."""
