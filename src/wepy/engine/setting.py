"""Checks of an engine's settings."""

from __future__ import annotations

from math import isfinite
from numbers import Integral, Real

from wepy.errors import ConfigurationError


def check_positive(where: str, value: object) -> None:
    """Raise `ConfigurationError` unless `value` is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value) or value <= 0:
        raise ConfigurationError(f"{where}: expected a finite number above zero, found {value!r}")


def check_count(where: str, value: object) -> None:
    """Raise `ConfigurationError` unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ConfigurationError(f"{where}: expected a whole number of at least 1, found {value!r}")


def check_stride(where: str, value: object) -> None:
    """Raise `ConfigurationError` unless `value` is a whole number of steps, or None for the end frame alone."""
    if value is not None:
        check_count(where, value)
