"""Balancers: who is cloned and who merges."""

from wepy.balancing.equal_weights import EqualWeights
from wepy.balancing.huber_kim import HuberKim
from wepy.balancing.lottery import Lottery
from wepy.balancing.none import NoBalancing
from wepy.balancing.optimal_allocation import OptimalAllocation, VarianceAlong
from wepy.balancing.plan import Plan

__all__ = ["EqualWeights", "HuberKim", "Lottery", "NoBalancing", "OptimalAllocation", "Plan", "VarianceAlong"]
