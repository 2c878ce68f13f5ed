"""The command `wepy`: start a run."""

from __future__ import annotations

from wepy.cli.command import main

__all__ = ["main"]
