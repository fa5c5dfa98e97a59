"""Variance components: between and within, two-way, leave-out."""
