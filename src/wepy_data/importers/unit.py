"""Units that are named for data of a foreign file: refused if they are misspelled, or of data that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from wepy_data.errors import SelectionError

_FACTOR = r"(?:[^\W\d_]+(?:[+-]?\d+)?|%|\d+(?:\.\d+)?)"
_UNIT = re.compile(rf"(?:{_FACTOR}(?: {_FACTOR})*)?")


def refuse_units(units: Mapping[str, str], names: Iterable[str]) -> None:
    """Raise `SelectionError` if there are units of other data than those that are named, or not as H5MD spells them.

    Parameters
    ----------
    units : mapping of str to str
        Units by name.
    names : iterable of str
        The data that there are.

    Examples
    --------
    >>> refuse_units({"energy": "kJ mol-1"}, ["order_parameter", "energy"])
    >>> refuse_units({"enrgy": "kJ mol-1"}, ["order_parameter", "energy"])
    Traceback (most recent call last):
      ...
    wepy_data.errors.SelectionError: units: there is no `enrgy`, only order_parameter, energy
    """
    known = list(dict.fromkeys(names))
    problems = [f"there is no `{name}`, only {', '.join(known)}" for name in units if name not in known]
    problems += [
        f"`{unit}` of {name}: expected factors with a space between them (kJ mol-1, nm2)"
        for name, unit in units.items()
        if not _UNIT.fullmatch(unit)
    ]
    if problems:
        raise SelectionError(f"units: {'; '.join(problems)}")
