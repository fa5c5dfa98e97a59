"""Truths: what each claim means, as functions of an economy."""
