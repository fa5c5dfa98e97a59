"""Data toolkit and model-testing harness for within-task effects of generative AI."""
