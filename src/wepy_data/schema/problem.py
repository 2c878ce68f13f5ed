"""One thing that is wrong with a run: where, which rule, what was found, what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEVELS = ("structure", "values", "invariants")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A violation of the schema.

    Parameters
    ----------
    path : str
        HDF5 path, with `@name` for an attribute and `[row]` for a row.
    kind : str
        Machine-readable kind: a fixed word (`missing`, `dtype`, ...) or the id of a rule of the schema.
    found, expected : str
        What is there, and what should be.

    Examples
    --------
    >>> print(Problem(path="/segments/parent", kind="dtype", found="float64", expected="int64"))
    /segments/parent: dtype: found float64, expected int64
    """

    path: str
    kind: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}: found {self.found}, expected {self.expected}"

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as a JSON object."""
        return {"path": self.path, "kind": self.kind, "found": self.found, "expected": self.expected}
