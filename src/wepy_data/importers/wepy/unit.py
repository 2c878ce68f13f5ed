"""Units of a WepyHDF5 file, in the spelling of this library, and what they are of nm and ps."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LENGTHS = {"meter": 1e9, "millimeter": 1e6, "micrometer": 1e3, "nanometer": 1.0, "angstrom": 0.1, "picometer": 1e-3}
_TIMES = {"second": 1e12, "microsecond": 1e6, "nanosecond": 1e3, "picosecond": 1.0, "femtosecond": 1e-3}
_SHORT = {
    "meter": "m", "millimeter": "mm", "micrometer": "um", "nanometer": "nm", "angstrom": "Angstrom", "picometer": "pm",
    "second": "s", "microsecond": "us", "nanosecond": "ns", "picosecond": "ps", "femtosecond": "fs",
    "kilojoule": "kJ", "kilocalorie": "kcal", "joule": "J", "mole": "mol", "kelvin": "K", "dalton": "u",
    "radian": "rad", "degree": "deg", "atmosphere": "atm", "bar": "bar", "dimensionless": "",
}  # fmt: skip
_WORD = re.compile(r"([A-Za-z]+)(?:\*\*(-?\d+))?")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit.

    Parameters
    ----------
    name : str
        As this library writes it: `kJ mol-1 nm-1`.
    factor : float or None
        What it is of nm, ps or nm ps-1; None if it is none of these.
    """

    name: str
    factor: float | None


def unit_of(text: str) -> Unit:
    """Return the unit of a text as OpenMM's units are written.

    Examples
    --------
    >>> unit_of("kilojoule/(nanometer*mole)").name
    'kJ nm-1 mol-1'
    >>> unit_of("angstrom/picosecond")
    Unit(name='Angstrom ps-1', factor=0.1)
    """
    factors = _parsed(text)
    if factors is None:
        return Unit(text.strip(), None)
    name = " ".join(f"{_SHORT[word]}{power if power != 1 else ''}" for word, power in factors if _SHORT[word])
    powers = dict(factors)
    lengths = [word for word in powers if word in _LENGTHS]
    times = [word for word in powers if word in _TIMES]
    kinds = ([powers[word] for word in lengths], [powers[word] for word in times])
    if len(lengths) + len(times) != len(powers) or kinds not in (([1], []), ([], [1]), ([1], [-1])):
        return Unit(name, None)
    length = _LENGTHS[lengths[0]] if lengths else 1.0
    time = _TIMES[times[0]] if times else 1.0
    return Unit(name, length / time if kinds[1] == [-1] else length * time)


def _parsed(text: str) -> list[tuple[str, int]] | None:
    """Return words and their powers; None if there are others than known ones."""
    above, _, below = text.replace(" ", "").partition("/")
    found = list[tuple[str, int]]()
    for part, sign in ((above, 1), (below.strip("()"), -1)):
        for factor in filter(None, re.split(r"(?<!\*)\*(?!\*)", part.strip("()"))):
            match = _WORD.fullmatch(factor)
            word = match[1].lower() if match is not None else ""
            word = word if word in _SHORT else word.removesuffix("s")
            if match is None or word not in _SHORT:
                return None
            found.append((word, sign * int(match[2] or 1)))
    return found
