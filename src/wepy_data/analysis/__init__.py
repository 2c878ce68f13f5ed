"""What follows from a run: transition matrices, variances and gains, and advice for the next run."""
