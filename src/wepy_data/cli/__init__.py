"""The command line `wepy-data`: questions to runs, and exports."""

from wepy_data.cli import ancestry, care, compute, export, look, plot, table  # each adds its commands to `main`
from wepy_data.cli.group import main

__all__ = ["ancestry", "care", "compute", "export", "look", "main", "plot", "table"]
