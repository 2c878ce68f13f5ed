"""Tables of a run as CSV or Parquet files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wepy_data.errors import MissingPackageError, SelectionError
from wepy_data.store.path import appearing, refuse_existing

if TYPE_CHECKING:
    import pandas as pd

    from wepy_data.query.rows import Cycles
    from wepy_data.query.run import Run

SUFFIXES = (".csv", ".parquet")


def export_table(
    run: Run,
    name: str,
    path: str | os.PathLike[str],
    *,
    cycles: Cycles | None = None,
    columns: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a table of a run to a file, which appears whole or not at all; return its path.

    Parameters
    ----------
    run : Run
        The run.
    name : str
        Which table, as `run.table` knows it.
    path : path
        Where to: `.csv` (numbers in their shortest exact digits), or `.parquet` (types, categories and units kept).
    cycles : int, slice or (first, stop), optional
        Cycles whose rows are wanted, as `run.table` takes them; all by default.
    columns : sequence of str, optional
        Columns in the order wanted; all by default.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    SelectionError
        If there is no such table, cycle, column or format; names those that exist.
    RunExistsError
        If the file exists and `overwrite` is false.
    FileNotFoundError
        If its folder does not exist.
    MissingPackageError
        If Parquet is asked for and pyarrow is not installed.
    """
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise SelectionError(f"{target}: tables are written as {' or '.join(SUFFIXES)}: choose a name that ends so")
    if target.suffix == ".parquet":
        _require_pyarrow()
    refuse_existing(target, overwrite=overwrite)
    require_folder(target)
    write_table(run.table(name, cycles, columns), target, overwrite=overwrite)
    return target


def write_table(frame: pd.DataFrame, target: Path, *, overwrite: bool) -> None:
    """Write a frame, its index as first column, to a file that appears whole or not at all."""
    with appearing(target, overwrite=overwrite) as temporary:
        if target.suffix == ".csv":
            frame.to_csv(temporary)
        else:
            frame.to_parquet(temporary, engine="pyarrow")


def require_folder(target: Path) -> None:
    """Raise an error if the folder of a file to be written does not exist."""
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: there is no folder {target.parent}: make it first")


def _require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401 (pandas imports it again, with a less helpful error)
    except ImportError as error:
        raise MissingPackageError("writing Parquet", "pyarrow", "parquet") from error
