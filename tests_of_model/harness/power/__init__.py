"""Power: how large a study must be, and what it costs."""
