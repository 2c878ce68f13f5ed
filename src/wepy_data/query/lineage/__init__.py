"""Who descends from whom: the walker trees of a run in memory, and everything that can be asked of them."""

from wepy_data.query.lineage.coalescence import Genealogy
from wepy_data.query.lineage.flow import Flows
from wepy_data.query.lineage.forest import NONE
from wepy_data.query.lineage.lineage import Lineage

__all__ = ["NONE", "Flows", "Genealogy", "Lineage"]
