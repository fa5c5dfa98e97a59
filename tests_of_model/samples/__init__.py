"""A panel's rows as arrays."""
