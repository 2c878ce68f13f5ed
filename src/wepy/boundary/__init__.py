"""Boundary conditions: where walkers arrive, and what becomes of them there."""

from wepy.boundary.condition import Absorbing, Boundary, Recycling
from wepy.boundary.event import Events
from wepy.boundary.exits import Exits, exits
from wepy.boundary.region import Rebinding, Region, Unbinding
from wepy.boundary.target import FunctionTarget, InBins

__all__ = [
    "Absorbing",
    "Boundary",
    "Events",
    "Exits",
    "FunctionTarget",
    "InBins",
    "Rebinding",
    "Recycling",
    "Region",
    "Unbinding",
    "exits",
]
