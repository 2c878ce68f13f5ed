"""Order parameters: what of a frame binning, distances and analysis use."""

from wepy.order_parameter.coordinate import Coordinates
from wepy.order_parameter.dihedral import Dihedral
from wepy.order_parameter.distance import Distance, MinimumDistance
from wepy.order_parameter.function import Function
from wepy.order_parameter.joined import Joined
from wepy.order_parameter.rmsd import RMSD

__all__ = ["RMSD", "Coordinates", "Dihedral", "Distance", "Function", "Joined", "MinimumDistance"]
