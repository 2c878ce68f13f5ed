"""H5MD of one lineage: its steps increase, as the format wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.export.content import Block, Content
from wepy_data.query.feature import ORDER_PARAMETER
from wepy_data.query.frame import blocks
from wepy_data.query.rows import read_rows
from wepy_data.store.h5md import H5mdFile, H5mdHeader

_GROUP = "/particles/trajectory/"
_ROWS = 1 << 20  # steps looked at in one go


class LineageFile:
    """An H5MD file of frames of a lineage, with their order parameters, weights and segments as observables.

    Parameters
    ----------
    path : path
        The file; replaced.
    content : Content
        What it is to hold.

    Raises
    ------
    SelectionError
        If the frames' steps do not increase: they are not of one lineage, in its order.
    """

    def __init__(self, path: Path, content: Content) -> None:
        refuse_disorder(content)
        self._content, self._done = content, 0
        self._file = H5mdFile(path, _header(content))

    def write(self, block: Block) -> None:
        """Append frames."""
        content, here = self._content, slice(self._done, self._done + len(block))
        reader, owners = content.run.reader, content.owners[here]
        particles: dict[str, NDArray[Any]] = {"position": block.positions}
        if block.edges is not None:
            particles["box/edges"] = block.edges
        if block.velocities is not None:
            particles["velocity"] = block.velocities
        observables = {
            ORDER_PARAMETER: read_rows(reader, f"/observables/{ORDER_PARAMETER}/value", content.rows[here]),
            "segment": owners,
            "weight": read_rows(reader, "/segments/weight", owners),
        }
        self._file.append(block.step, block.time, particles, observables)
        self._done += len(block)

    def close(self) -> None:
        """End the file."""
        self._file.close()


def refuse_disorder(content: Content) -> None:
    """Raise `SelectionError` if the steps of frames do not increase."""
    last = -1
    for rows in blocks(content.rows, _ROWS):
        step = read_rows(content.run.reader, "/frames/md_step", rows)
        if (np.diff(step, prepend=last) <= 0).any():
            raise SelectionError(
                "H5MD holds one lineage, founder first, so that its steps increase, and these segments are none: "
                "choose another format (.dcd, .xtc, .h5), or a file for each lineage"
            )
        last = int(step[-1])


def _header(content: Content) -> H5mdHeader:
    header = content.run.header
    static = {
        name: header.static[_GROUP + name][content.atoms]
        for name in ("species", "mass", "charge", "id")
        if _GROUP + name in header.static
    }
    units = {name: header.layout.columns[_GROUP + name].unit for name in static}
    units[ORDER_PARAMETER] = content.run.unit(ORDER_PARAMETER)
    return H5mdHeader(
        n_atoms=len(content.atoms), author=header.author, periodic=content.periodic, static=static, units=units
    )
