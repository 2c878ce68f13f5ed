"""Balancers: who is cloned and who merges."""

from wepy.balancing.equal_weights import EqualWeights
from wepy.balancing.huber_kim import HuberKim
from wepy.balancing.lottery import Lottery
from wepy.balancing.none import NoBalancing
from wepy.balancing.optimal_allocation import OptimalAllocation, VarianceAlong
from wepy.balancing.plan import Plan
from wepy.balancing.revo import REVO
from wepy.balancing.revo_plan import REVOPlan
from wepy.balancing.wexplore import WExplore

__all__ = [
    "REVO",
    "EqualWeights",
    "HuberKim",
    "Lottery",
    "NoBalancing",
    "OptimalAllocation",
    "Plan",
    "REVOPlan",
    "VarianceAlong",
    "WExplore",
]
