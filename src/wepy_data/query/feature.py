"""Names and units of the dimensions of a run's order parameter."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wepy_data.errors import SelectionError

if TYPE_CHECKING:
    from wepy_data.query.run import Run

ORDER_PARAMETER = "order_parameter"


@dataclass(frozen=True, slots=True)
class Feature:
    """One dimension of the order parameter: its name, and its unit in H5MD spelling, empty if it has none."""

    label: str
    unit: str

    @property
    def heading(self) -> str:
        """Name and unit for a table or an axis: `phi (rad)`."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def features(run: Run) -> tuple[Feature, ...]:
    """Return the dimensions of the order parameter, named as its description in the provenance names them.

    A run whose provenance has no such names, or another number of them, gets `order_parameter`, or
    `order_parameter_0`, `order_parameter_1`, ...
    """
    count = run.header.layout.sizes["feature"]
    try:
        unit = run.unit(ORDER_PARAMETER)
    except SelectionError:  # a run without frames has no such observable
        unit = ""
    plain = [ORDER_PARAMETER] if count == 1 else [f"{ORDER_PARAMETER}_{i}" for i in range(count)]
    for start in reversed(run.header.provenance):
        labels = _labels(start)
        if len(labels) == count:
            return tuple(Feature(label, unit) for label in labels)
    return tuple(Feature(label, unit) for label in plain)


def feature_columns(run: Run, taken: Collection[str]) -> list[str]:
    """Return names for columns of the order parameter: labels with units (`phi_rad`), or numbers if taken."""
    found = features(run)
    names = [f"{f.label}_{re.sub(r'[^0-9A-Za-z]+', '_', f.unit)}" if f.unit else f.label for f in found]
    if len({*taken, *names}) == len(taken) + len(names):
        return names
    return [f"{ORDER_PARAMETER}_{i}" for i in range(len(found))] if len(found) > 1 else [ORDER_PARAMETER]


def _labels(start: Mapping[str, Any]) -> list[str]:
    components = start.get("components")
    described = components.get(ORDER_PARAMETER) if isinstance(components, Mapping) else None
    labels = described.get("labels") if isinstance(described, Mapping) else None
    return labels if isinstance(labels, list) and all(isinstance(label, str) for label in labels) else []
