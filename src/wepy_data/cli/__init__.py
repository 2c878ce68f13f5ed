"""The command line `wepy-data`: questions to runs, and exports."""

from wepy_data.cli import (  # each adds its commands to `main`
    ancestry,
    care,
    compute,
    export,
    graph,
    imports,
    look,
    plot,
    table,
    tree,
    why,
)
from wepy_data.cli.group import main

__all__ = ["ancestry", "care", "compute", "export", "graph", "imports", "look", "main", "plot", "table", "tree", "why"]
