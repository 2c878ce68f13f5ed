"""Balancers: who is cloned and who merges."""

from wepy.balancing.huber_kim import HuberKim
from wepy.balancing.none import NoBalancing
from wepy.balancing.plan import Plan

__all__ = ["HuberKim", "NoBalancing", "Plan"]
