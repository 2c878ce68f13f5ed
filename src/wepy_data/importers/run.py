"""The import of a file of any known format."""

from __future__ import annotations

import os
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
    with Foreign(path) as foreign, foreign.reading():
        found = foreign_format(foreign.file)
        ours = "schema_version" in foreign.file.attrs and "run_id" in foreign.file.attrs
    if found == "westpa":
        from wepy_data.importers.westpa import import_westpa

        return import_westpa(path, output, **settings)
    if found == "wepy-1":
        from wepy_data.importers.wepy.importing import import_wepy

        return import_wepy(path, output, **settings)
    if ours:
        raise SelectionError(f"{path} is a run of this library already: open it as it is")
    raise NotARunError(f"{path} is neither a WESTPA file (west.h5), nor one of wepy 1.x, nor a run of this library: check the name")
