"""A thin manager of weighted-ensemble simulations: plan, dispatch, collect, recycle, bin, balance, commit.

The names below are the front door; modules behind it may move.
"""

from wepy.balancing import HuberKim, NoBalancing, Plan
from wepy.binning import Rectilinear
from wepy.dispatch import Processes, Scoop, Serial
from wepy.engine import DoubleWell, Harmonic, MuellerBrown, OpenMM, OverdampedLangevin, RandomWalk
from wepy.ensemble import StartState
from wepy.errors import BinningError, ConfigurationError, DispatchError, SegmentError, WepyError, WorkerLost
from wepy.order_parameter import RMSD, Coordinates, Dihedral, Distance, Function, MinimumDistance
from wepy.protocols import Frames, Segment, System
from wepy.recycling import Recycling, Region
from wepy.simulation import Simulation
from wepy.streams import Purpose, Stream
from wepy_data import __version__

__all__ = [
    "RMSD",
    "BinningError",
    "ConfigurationError",
    "Coordinates",
    "Dihedral",
    "DispatchError",
    "Distance",
    "DoubleWell",
    "Frames",
    "Function",
    "Harmonic",
    "HuberKim",
    "MinimumDistance",
    "MuellerBrown",
    "NoBalancing",
    "OpenMM",
    "OverdampedLangevin",
    "Plan",
    "Processes",
    "Purpose",
    "RandomWalk",
    "Rectilinear",
    "Recycling",
    "Region",
    "Scoop",
    "Segment",
    "SegmentError",
    "Serial",
    "Simulation",
    "StartState",
    "Stream",
    "System",
    "WepyError",
    "WorkerLost",
    "__version__",
]
