"""Moments m1, m2, …: of an economy, of a panel, their targets and noise; the fit to them."""
