"""No balancing."""

from wepy.balancing import NoBalancing
from wepy.balancing.contract import BalancerContract


class TestNoBalancingKeepsTheContract(BalancerContract):
    n_draws = 2

    def balancer(self):
        return NoBalancing()

    def counts(self, walkers):
        return len(walkers), len(walkers)

    def balanced(self):
        return self.ensembles()


def test_it_describes_itself():
    assert NoBalancing().describe() == {"kind": "none"}
