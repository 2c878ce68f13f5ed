"""What a run's file says of where it comes from."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from wepy.protocols import Description

_PACKAGES = ("numpy", "h5py", "openmm", "mdtraj", "scoop", "pyzmq")
_ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES",
    "OPENMM_CPU_THREADS",
    "OMP_NUM_THREADS",
    "SLURM_JOB_ID",
    "WEPY_OPENMM_PLATFORM",
    "WEPY_OPENMM_PROPERTIES",
)


def start_record(
    *,
    kind: str = "start",
    seed: int,
    cycle: int,
    version: str,
    components: Mapping[str, Description | None],
    **more: Any,
) -> dict[str, Any]:
    """Return the provenance record of a start, as `provenance.schema.json` describes it.

    Parameters
    ----------
    kind : str
        start, resume or branch.
    seed, cycle : int
        Seed, and first cycle that this start runs.
    version : str
        Of this library.
    components : mapping
        What each component says of itself.
    **more
        Further JSON values.
    """
    return {
        "kind": kind,
        "time": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        "cycle": cycle,
        "software": {"wepy": version, "python": platform.python_version(), **_versions()},
        "host": {"name": socket.gethostname(), "platform": platform.platform(), "processors": os.cpu_count() or 1},
        "seed": seed,
        "components": dict(components),
        "environment": {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        **more,
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
