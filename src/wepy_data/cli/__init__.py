"""The command line `wepy-data`: questions to runs, and exports."""

from wepy_data.cli import care as care  # adds its commands to `main`
from wepy_data.cli.commands import main

__all__ = ["main"]
