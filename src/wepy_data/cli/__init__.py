"""The command line `wepy-data`: questions to runs, and exports."""

from wepy_data.cli import ancestry, care, export, look, plot, table  # each adds its commands to `main`
from wepy_data.cli.group import main

__all__ = ["ancestry", "care", "export", "look", "main", "plot", "table"]
