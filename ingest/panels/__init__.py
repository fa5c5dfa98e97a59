"""Published within-task panels, one adapter a source."""
