"""A run in memory: walker trees as data, and what can be asked of any run."""
