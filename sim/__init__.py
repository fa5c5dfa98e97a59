"""The model: parameters, equations, the economy, designs, and the simulator."""
