"""A thin manager of weighted-ensemble simulations: plan, dispatch, collect, recycle, bin, balance, commit.

The names below are the front door; modules behind it may move.
"""

from wepy.balancing import (
    REVO,
    EqualWeights,
    HuberKim,
    NoBalancing,
    OptimalAllocation,
    Plan,
    VarianceAlong,
    WExplore,
)
from wepy.binning import (
    MAB,
    FunctionBins,
    KMeansBins,
    Piece,
    Piecewise,
    Rectilinear,
    Recursive,
    RegionTree,
    Voronoi,
    binner_from_description,
)
from wepy.boundary import Absorbing, FunctionTarget, InBins, Rebinding, Recycling, Region, Unbinding
from wepy.branch import BranchPoint, branch_point
from wepy.dispatch import FromExecutor, Host, Processes, Scoop, Serial
from wepy.engine import DoubleWell, Harmonic, MuellerBrown, Odld, OpenMM, OverdampedLangevin, RandomWalk
from wepy.ensemble import StartState
from wepy.errors import (
    BinningError,
    ConfigurationError,
    DispatchError,
    ResumeError,
    SegmentError,
    StoreError,
    WepyError,
    WorkerLost,
)
from wepy.metric import AtomPairs, Euclidean, LigandRMSD, Periodic
from wepy.order_parameter import RMSD, Coordinates, Dihedral, Distance, Function, Joined, MinimumDistance
from wepy.protocols import Frames, Segment, System
from wepy.simulation import Simulation
from wepy.storage import Storage
from wepy.streams import Purpose, Stream
from wepy_data import __version__

__all__ = [
    "MAB",
    "REVO",
    "RMSD",
    "Absorbing",
    "AtomPairs",
    "BinningError",
    "BranchPoint",
    "ConfigurationError",
    "Coordinates",
    "Dihedral",
    "DispatchError",
    "Distance",
    "DoubleWell",
    "EqualWeights",
    "Euclidean",
    "Frames",
    "FromExecutor",
    "Function",
    "FunctionBins",
    "FunctionTarget",
    "Harmonic",
    "Host",
    "HuberKim",
    "InBins",
    "Joined",
    "KMeansBins",
    "LigandRMSD",
    "MinimumDistance",
    "MuellerBrown",
    "NoBalancing",
    "Odld",
    "OpenMM",
    "OptimalAllocation",
    "OverdampedLangevin",
    "Periodic",
    "Piece",
    "Piecewise",
    "Plan",
    "Processes",
    "Purpose",
    "RandomWalk",
    "Rebinding",
    "Rectilinear",
    "Recursive",
    "Recycling",
    "Region",
    "RegionTree",
    "ResumeError",
    "Scoop",
    "Segment",
    "SegmentError",
    "Serial",
    "Simulation",
    "StartState",
    "Storage",
    "StoreError",
    "Stream",
    "System",
    "Unbinding",
    "VarianceAlong",
    "Voronoi",
    "WExplore",
    "WepyError",
    "WorkerLost",
    "__version__",
    "binner_from_description",
    "branch_point",
]
