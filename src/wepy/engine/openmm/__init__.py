"""Molecular dynamics by OpenMM: the only package that imports it, and not before it is used."""

from wepy.engine.openmm.definition import OBSERVABLES, OpenMM

__all__ = ["OBSERVABLES", "OpenMM"]
