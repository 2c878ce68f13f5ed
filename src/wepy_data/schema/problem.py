"""One thing that is wrong with a run: where, which rule, what was found, what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEVELS = ("structure", "values", "invariants")
STRUCTURE_KINDS = {
    "missing": "A group, dataset, text, link or attribute that must be there is not.",
    "unexpected": "An object that the schema does not name, outside /extra.",
    "kind": "An object of another kind: a group in the place of a dataset, or the other way round.",
    "dtype": "A dataset of another type or byte order.",
    "rank": "A dataset with too many or too few dimensions.",
    "dim-size": "A dimension that is not as long as its owner, rows fewer than committed (in a sealed run: more), "
    "or more values than the file can hold.",
    "unit": "The attribute `unit` is missing or another one.",
    "dims-attribute": "The attribute `dims` does not name the dataset's dimensions.",
    "attribute": "An attribute of another type, length or value.",
    "link": "A soft or external link anywhere, or a hard link to another object than the schema says.",
}
VALUE_KINDS = {
    "finite": "NaN or infinity where numbers are required.",
    "above": "A value that is not above its bound.",
    "min": "A value below its bound.",
    "max": "A value over its bound.",
    "enum": "A value that is none of those listed.",
    "ref": "An id that is no row of the table it points to.",
    "utf-8": "A label that is not UTF-8.",
    "json": "A text that is not JSON.",
    "topology": "A topology that is not in mdtraj's JSON layout, or has more or fewer atoms than frames have.",
    "provenance": "Provenance that does not conform to `provenance.schema.json`.",
}
KINDS = STRUCTURE_KINDS | VALUE_KINDS
"""Kinds of problems of the first two levels; those of `invariants` are the ids of the schema's rules."""


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
