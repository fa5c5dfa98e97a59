"""O*NET: tasks, job zones and education requirements, with their survey dates."""
