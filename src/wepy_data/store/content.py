"""What an open run's file holds: its objects, its layout, and how much of it is committed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wepy_data.schema.layout import Layout
from wepy_data.schema.spec import run_spec
from wepy_data.schema.structure import layout_of
from wepy_data.schema.tree import Node
from wepy_data.store.commit import committed_cycles
from wepy_data.store.guard import committed_rows, refuse_uncountable, within_budget
from wepy_data.store.tree import FileTree, is_own
from wepy_data.store.view import View


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Content:
    """What a run's file held at one moment.

    Parameters
    ----------
    nodes : mapping
        Its objects by path.
    layout : Layout
        Which datasets it has.
    n_cycles : int
        Number of committed cycles.
    rows : mapping of str to int
        Number of committed rows of each growing dimension.
    """

    nodes: Mapping[str, Node]
    layout: Layout
    n_cycles: int
    rows: Mapping[str, int]

    @property
    def run_id(self) -> object:
        """The run's identity, a text if the file is whole."""
        return self.nodes["/"].attributes["run_id"]

    @property
    def is_sealed(self) -> bool:
        """Whether the run has ended in order."""
        return bool(self.nodes["/"].attributes.get("sealed") == 1)


def content_of(view: View, known: Content | None = None) -> Content:
    """Return what a file holds; what is known of the same file is kept where it cannot have changed.

    Raises
    ------
    KeyError, ValueError, and others of h5py
        If the file is damaged.
    """
    file, cycle_columns = view.file, {p for p, dataset in run_spec().datasets.items() if dataset.dims[0] == "cycle"}
    foreign = next((path for path in cycle_columns if known is None and not is_own(file, path)), None)
    if foreign is not None:
        raise KeyError(f"{foreign} is missing or a link")
    lengths = {path: view.length(path) for path in cycle_columns}  # first: what is opened later is at least as new
    if known is None:
        nodes = FileTree(file).nodes()
        layout = layout_of(run_spec(), nodes)
        _refuse_links(nodes)
        refuse_uncountable(layout, nodes)
    else:
        nodes, layout = known.nodes, known.layout
    if nodes["/"].attributes.get("sealed") == 1:
        total = min(lengths.values())
    else:
        lengths |= {path: view.length(path) for path in layout.growing if path not in lengths}
        read = view.read if known is not None else within_budget(file, view.read, view.dataset)
        total = committed_cycles(layout, lengths, read, 0 if known is None else known.n_cycles)
    rows = committed_rows(layout, nodes, lengths | {"/cycles/index": total}, view.read, file.id.get_filesize())
    return Content(nodes=nodes, layout=layout, n_cycles=total, rows=rows)


def _refuse_links(nodes: Mapping[str, Node]) -> None:
    """Refuse a file whose contents would come from elsewhere."""
    foreign = [path for path, node in nodes.items() if "link" in node.kind]
    if foreign:
        raise ValueError(f"{foreign[0]} leads out of its place, and a run is one file of its own")
