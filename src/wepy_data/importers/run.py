"""The import of a file of any known format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from wepy_data.errors import NotARunError, SelectionError
from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import ImportReport
from wepy_data.store.opening import foreign_format


def import_run(path: str | os.PathLike[str], output: str | os.PathLike[str], **settings: Any) -> ImportReport:
    """Import a file of another program, whatever it is: WESTPA's west.h5, or a WepyHDF5 file.

    Parameters
    ----------
    path : path
        The foreign file.
    output : path
        The run's file to write; it appears when it is complete.
    **settings
        As the format's own function takes them: `import_westpa`, `import_wepy`.

    Returns
    -------
    ImportReport
        What was taken, what was not and why, what is unknown.

    Raises
    ------
    NotARunError
        If it is a file of another kind, or a run of this library already.
    """
    if _format(path) == "wepy-1":
        from wepy_data.importers.wepy.importing import import_wepy

        return import_wepy(path, output, **settings)
    from wepy_data.importers.westpa import import_westpa

    _refuse(settings, "run", f"{path} is a WESTPA file, which holds one run")
    return import_westpa(path, output, **settings)


def import_runs(path: str | os.PathLike[str], output: str, **settings: Any) -> list[ImportReport]:
    """Import all runs of a file of another program that may hold several; `{run}` in `output` is a run's number.

    Raises
    ------
    SelectionError
        If such a file holds one run only, or a setting is for one run.
    NotARunError
        If it is a file of another kind.
    """
    if _format(path) != "wepy-1":
        raise SelectionError(f"{path} is a WESTPA file, which holds one run: leave {{run}} out of {output}")
    from wepy_data.importers.wepy.importing import import_wepy_runs

    for name in ("run", "last"):
        _refuse(settings, name, f"{output} is for all runs")
    return import_wepy_runs(path, output, **settings)


def _format(path: str | os.PathLike[str]) -> str:
    with Foreign(path) as foreign, foreign.reading():
        found = foreign_format(foreign.file)
        ours = "schema_version" in foreign.file.attrs and "run_id" in foreign.file.attrs
    if not found and ours:
        raise SelectionError(f"{path} is a run of this library already: open it as it is")
    if not found:
        raise NotARunError(
            f"{path} is neither a WESTPA file (west.h5), nor one of wepy 1.x, nor a run of this library: check the name"
        )
    return found


def _refuse(settings: Mapping[str, Any], name: str, why: str) -> None:
    if settings.get(name) is not None:
        raise SelectionError(f"{why}: leave out {name} (--{name})")
