"""The data model of weighted-ensemble runs: walker trees in one HDF5 file, and everything one can ask of them.

The names below are the front door; modules behind it may move.
"""

from .analysis.advice import Advice
from .analysis.advise import advise
from .errors import (
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
from .export.dcd import export_dcd
from .export.frames import export_frames
from .export.graph import export_graph
from .export.paths import export_paths
from .export.table import export_table
from .export.tree_sequence import tree_sequence
from .export.westpa import export_westpa
from .importers.report import ImportReport
from .importers.run import import_run
from .importers.wepy.importing import import_wepy, import_wepy_runs
from .importers.westpa import import_westpa
from .plot.advice import plot_advice
from .plot.lineage_tree import plot_lineage
from .plot.regions import plot_regions
from .plot.tree_text import tree_text
from .query.ancestry import ancestry_table, ancestry_text
from .query.bin_tree import bin_tree
from .query.lineage import Flows, Genealogy, Lineage
from .query.measure import Angle, AtEnd, Dihedral, Distance, RadiusOfGyration, Rmsd
from .query.path import branch_paths, heaviest, since_jump, successful_paths
from .query.run import Run, open_run
from .query.runs import Runs, open_runs
from .query.topology import topology_from_json, topology_subset
from .query.why import Share, Why, why
from .record.build import build_cycle
from .record.compare import Difference, compare
from .record.cycle import Cycle
from .record.header import Continues, Header
from .record.load import read_cycles
from .record.protocols import RunReader, RunWriter
from .record.run_record import RunRecord
from .schema.layout import Column, Layout, Named
from .schema.problem import Problem
from .store.aside import forget_aside, put_back, set_aside
from .store.check import check
from .store.chunk import growing_bytes
from .store.computed import Computed
from .store.journal import Entry, Journal, journal_path, read_journal, refuse_journal
from .store.path import is_disk_full, refuse_existing
from .store.reader import FileRun
from .store.repair import Repaired, repair
from .store.snapshot import snapshot
from .store.standing import RunningCycle, running_cycle
from .store.writer import FileWriter, write_run

__version__: str

__all__ = [
    "Advice",
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
    "ImportReport",
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
    "Share",
    "VersionError",
    "VersionTooNewError",
    "VersionTooOldError",
    "Why",
    "__version__",
    "advise",
    "ancestry_table",
    "ancestry_text",
    "bin_tree",
    "branch_paths",
    "build_cycle",
    "check",
    "compare",
    "export_dcd",
    "export_frames",
    "export_graph",
    "export_paths",
    "export_table",
    "export_westpa",
    "forget_aside",
    "growing_bytes",
    "heaviest",
    "import_run",
    "import_wepy",
    "import_wepy_runs",
    "import_westpa",
    "is_disk_full",
    "journal_path",
    "open_run",
    "open_runs",
    "plot_advice",
    "plot_lineage",
    "plot_regions",
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
    "why",
    "write_run",
]
