"""Binners: from order parameters to bins."""

from wepy.binning.cycle import binned
from wepy.binning.described import binner_from_description
from wepy.binning.function import FunctionBins
from wepy.binning.kmeans import KMeansBins
from wepy.binning.mab import MAB
from wepy.binning.piecewise import Piece, Piecewise
from wepy.binning.rectilinear import Rectilinear
from wepy.binning.recursive import Recursive
from wepy.binning.region_tree import RegionTree
from wepy.binning.voronoi import Voronoi

__all__ = [
    "MAB",
    "FunctionBins",
    "KMeansBins",
    "Piece",
    "Piecewise",
    "Rectilinear",
    "Recursive",
    "RegionTree",
    "Voronoi",
    "binned",
    "binner_from_description",
]
