"""A thin manager of weighted-ensemble simulations: plan, dispatch, collect, recycle, bin, balance, commit.

The names below are the front door; modules behind it may move.
"""

from wepy.balancing import EqualWeights, HuberKim, NoBalancing, OptimalAllocation, Plan, VarianceAlong
from wepy.binning import (
    MAB,
    FunctionBins,
    KMeansBins,
    Piece,
    Piecewise,
    Rectilinear,
    Recursive,
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
from wepy.metric import Euclidean
from wepy.order_parameter import RMSD, Coordinates, Dihedral, Distance, Function, Joined, MinimumDistance
from wepy.protocols import Frames, Segment, System
from wepy.simulation import Simulation
from wepy.storage import Storage
from wepy.streams import Purpose, Stream
from wepy_data import __version__

__all__ = [
    "MAB",
    "RMSD",
    "Absorbing",
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
    "MinimumDistance",
    "MuellerBrown",
    "NoBalancing",
    "Odld",
    "OpenMM",
    "OptimalAllocation",
    "OverdampedLangevin",
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
    "WepyError",
    "WorkerLost",
    "__version__",
    "binner_from_description",
    "branch_point",
]
