"""AI-exposure measures to one table keyed by SOC 2018 and by task."""
