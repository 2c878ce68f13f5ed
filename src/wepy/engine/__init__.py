"""Engines: what advances a walker."""

from wepy.engine.langevin import OverdampedLangevin
from wepy.engine.openmm import OpenMM
from wepy.engine.potential import DoubleWell, Harmonic, MuellerBrown, Potential
from wepy.engine.random_walk import RandomWalk

__all__ = ["DoubleWell", "Harmonic", "MuellerBrown", "OpenMM", "OverdampedLangevin", "Potential", "RandomWalk"]
