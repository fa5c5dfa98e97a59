"""Least squares with absorbed effects and clustered errors."""
