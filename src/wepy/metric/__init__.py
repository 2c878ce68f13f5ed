"""Metrics: how far walkers are apart, told from their order parameters."""

from wepy.metric.atom_pairs import AtomPairs
from wepy.metric.column import finite_rows
from wepy.metric.description import metric_from_description
from wepy.metric.euclidean import Euclidean
from wepy.metric.ligand_rmsd import LigandRMSD
from wepy.metric.matrix import distance_matrix
from wepy.metric.periodic import Periodic

__all__ = [
    "AtomPairs",
    "Euclidean",
    "LigandRMSD",
    "Periodic",
    "distance_matrix",
    "finite_rows",
    "metric_from_description",
]
