"""Runs, or parts of them, in the formats of other programs."""
