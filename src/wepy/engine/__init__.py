"""Engines: what advances a walker."""

from wepy.engine.langevin import OverdampedLangevin
from wepy.engine.openmm import OpenMM
from wepy.engine.potential import DoubleWell, Harmonic, MuellerBrown, Odld, Potential
from wepy.engine.random_walk import RandomWalk

__all__ = ["DoubleWell", "Harmonic", "MuellerBrown", "Odld", "OpenMM", "OverdampedLangevin", "Potential", "RandomWalk"]
