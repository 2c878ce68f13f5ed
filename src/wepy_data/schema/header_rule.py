"""Rules of what does not grow, and of the checksums of what does."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from wepy_data.schema.checksum import HEADER_CRC, crc_of
from wepy_data.schema.finding import INITIAL, SOURCE, TARGET, Finding, at_rows, require_stops

if TYPE_CHECKING:
    from wepy_data.schema.check import Tables


def atom_ids(t: Tables) -> Iterator[Finding]:
    path = "/particles/trajectory/id"
    if t.has(path):
        numbers = t[path]
        yield from at_rows(path, np.diff(numbers, prepend=-1) <= 0, numbers)


def state_probabilities(t: Tables) -> Iterator[Finding]:
    kinds, probability = t["/states/kind"], t["/states/probability"]
    for kind, word in ((INITIAL, "initial"), (SOURCE, "source")):
        found = math.fsum(probability[kinds == kind].tolist())
        if (kinds == kind).any() and not abs(found - 1) <= 1e-9:
            yield "/states/probability", f"{word} states with a sum of {found!r}"
    yield from at_rows("/states/probability", (kinds == TARGET) & (probability != 0), probability)


def crc(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment", "frame", "merge", "event", "bin", "worker")
    layout, stored = t.layout, t["/cycles/crc"]
    stops = {dim: t[layout.spec.dims[dim].stop] for dim in layout.by_dim if dim != "cycle"}
    for cycle in range(t.n_cycles):
        bounds = {dim: (int(s[cycle - 1]) if cycle else 0, int(s[cycle])) for dim, s in stops.items()}
        bounds["cycle"] = (cycle, cycle + 1)
        found = crc_of(
            t.block(path, *bounds[c.dim]) if c.spec.storage == "block" else t[path][slice(*bounds[c.dim])]
            for path, c in layout.growing.items()
            if path != "/cycles/crc"
        )
        if found != stored[cycle]:
            yield f"/cycles/crc[{cycle}]", f"{stored[cycle]}, and rows with {found}"


def schema_text(t: Tables) -> Iterator[Finding]:
    text, node = t.text("/schema")
    stored, found = node.attributes["sha256"], hashlib.sha256(text.encode("utf-8")).hexdigest()
    if stored != found:
        yield "/schema@sha256", f"{stored}, and a text with {found}"


def header_crc(t: Tables) -> Iterator[Finding]:
    found = t.header_crc()
    stored = t.root.attributes[HEADER_CRC]
    if stored != found:
        yield f"/@{HEADER_CRC}", f"{stored}, and contents with {found}"
