"""What is known of a run before its first cycle, and what is planned after its last."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.layout import Layout

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Continues:
    """The run and cycle that a run continues.

    Parameters
    ----------
    run_id : str
        UUID of the continued run.
    cycle : int
        Its cycle whose planned walkers are the founders.
    file, digest : str
        Where its file was, as a hint, and its sha256; empty if that was still growing.
    cycles_before : int
        Cycles from the first founders to these, in all runs on the way: streams of random numbers count on from there.
    """

    run_id: str
    cycle: int
    file: str = ""
    digest: str = ""
    cycles_before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Header:
    """Everything about a run that does not grow.

    Parameters
    ----------
    layout : Layout
        Which datasets the run has.
    static : mapping of str to ndarray
        Values of the datasets that do not grow, by HDF5 path (states, species, ...).
    topology : str
        mdtraj's JSON text of the topology; empty if there is none.
    config : mapping
        The configuration, JSON values.
    inputs : mapping of str to str
        Texts of the files that the configuration names, by the names it uses.
    provenance : sequence of mapping
        One record for each start, as in `provenance.schema.json`.
    author : str
        Who ran it.
    compression : {"gzip", "none"}
        How the file is packed when the run is sealed.
    run_id, created : str
        UUID, and time of creation in ISO 8601.
    continues : Continues or None
        Where the run goes on from.
    """

    layout: Layout
    static: Arrays
    topology: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    provenance: Sequence[Mapping[str, Any]] = ()
    author: str = "unknown"
    compression: str = "gzip"
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: str = field(default_factory=lambda: datetime.now(UTC).astimezone().isoformat(timespec="seconds"))
    continues: Continues | None = None
