"""What the model says: claims, sweeps, scenarios, sign sets, published results. Numbers only."""
