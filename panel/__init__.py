"""What the data look like: notation, schemas, errors, and panels on disk."""
