"""The command line `wepy-data`: questions to runs, and exports."""

from wepy_data.cli.commands import main

__all__ = ["main"]
