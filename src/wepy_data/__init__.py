"""The data model of weighted-ensemble runs: walker trees in one HDF5 file, and everything one can ask of them.

The names below are the front door; modules behind it may move.
"""

from wepy_data.errors import (
    ClosedRunError,
    ConformanceError,
    DamagedRunError,
    DataError,
    FunctionError,
    MissingPackageError,
    NotARunError,
    ReplacedRunError,
    RunBusyError,
    RunExistsError,
    SelectionError,
    VersionError,
    VersionTooNewError,
    VersionTooOldError,
)
from wepy_data.export.dcd import export_dcd
from wepy_data.export.frames import export_frames
from wepy_data.export.graph import export_graph
from wepy_data.export.paths import export_paths
from wepy_data.export.table import export_table
from wepy_data.export.tree_sequence import tree_sequence
from wepy_data.plot.lineage_tree import plot_lineage
from wepy_data.plot.tree_text import tree_text
from wepy_data.query.ancestry import ancestry_table, ancestry_text
from wepy_data.query.lineage import Flows, Genealogy, Lineage
from wepy_data.query.measure import Angle, AtEnd, Dihedral, Distance, RadiusOfGyration, Rmsd
from wepy_data.query.path import branch_paths, heaviest, since_jump, successful_paths
from wepy_data.query.run import Run, open_run
from wepy_data.query.runs import Runs, open_runs
from wepy_data.query.topology import topology_from_json, topology_subset
from wepy_data.record.build import build_cycle
from wepy_data.record.compare import Difference, compare
from wepy_data.record.cycle import Cycle
from wepy_data.record.header import Continues, Header
from wepy_data.record.load import read_cycles
from wepy_data.record.protocols import RunReader, RunWriter
from wepy_data.record.run_record import RunRecord
from wepy_data.schema.layout import Column, Layout, Named
from wepy_data.schema.problem import Problem
from wepy_data.store.aside import forget_aside, put_back, set_aside
from wepy_data.store.check import check
from wepy_data.store.chunk import growing_bytes
from wepy_data.store.computed import Computed
from wepy_data.store.journal import Entry, Journal, journal_path, read_journal, refuse_journal
from wepy_data.store.path import is_disk_full, refuse_existing
from wepy_data.store.reader import FileRun
from wepy_data.store.repair import Repaired, repair
from wepy_data.store.snapshot import snapshot
from wepy_data.store.standing import RunningCycle, running_cycle
from wepy_data.store.writer import FileWriter, write_run
from wepy_data.version import __version__

__all__ = [
    "Angle",
    "AtEnd",
    "ClosedRunError",
    "Column",
    "Computed",
    "ConformanceError",
    "Continues",
    "Cycle",
    "DamagedRunError",
    "DataError",
    "Difference",
    "Dihedral",
    "Distance",
    "Entry",
    "FileRun",
    "FileWriter",
    "Flows",
    "FunctionError",
    "Genealogy",
    "Header",
    "Journal",
    "Layout",
    "Lineage",
    "MissingPackageError",
    "Named",
    "NotARunError",
    "Problem",
    "RadiusOfGyration",
    "Repaired",
    "ReplacedRunError",
    "Rmsd",
    "Run",
    "RunBusyError",
    "RunExistsError",
    "RunReader",
    "RunRecord",
    "RunWriter",
    "RunningCycle",
    "Runs",
    "SelectionError",
    "VersionError",
    "VersionTooNewError",
    "VersionTooOldError",
    "__version__",
    "ancestry_table",
    "ancestry_text",
    "branch_paths",
    "build_cycle",
    "check",
    "compare",
    "export_dcd",
    "export_frames",
    "export_graph",
    "export_paths",
    "export_table",
    "forget_aside",
    "growing_bytes",
    "heaviest",
    "is_disk_full",
    "journal_path",
    "open_run",
    "open_runs",
    "plot_lineage",
    "put_back",
    "read_cycles",
    "read_journal",
    "refuse_existing",
    "refuse_journal",
    "repair",
    "running_cycle",
    "set_aside",
    "since_jump",
    "snapshot",
    "successful_paths",
    "topology_from_json",
    "topology_subset",
    "tree_sequence",
    "tree_text",
    "write_run",
]
