"""The bins of one cycle: what is asked of a binner, and what it must not return."""

import numpy as np
import pytest

from wepy.binning import Rectilinear, Recursive, binned
from wepy.errors import BinningError
from wepy.protocols import Bin, Binning

X, WEIGHTS = np.array([[0.5], [1.7], [0.2]]), np.full(3, 1 / 3)
CENTRE = np.zeros(1)


class Returns:
    def __init__(self, index, made):
        self.binning = Binning(index=index, made=made)

    def adapt(self, known, order_parameter, weights):
        return self.binning

    def describe(self):
        return {}


class Asked:
    """A fixed binner that keeps what it was asked."""

    def __init__(self, binner):
        self.binner, self.asked = binner, []

    def assign(self, order_parameter, weights):
        return self.binner.assign(order_parameter, weights)

    def bin(self, index):
        self.asked.append(index)
        return self.binner.bin(index)

    def describe(self):
        return {}


def test_fixed_binners_are_asked_for_new_bins_and_for_those_that_they_refine_once():
    binner = Asked(Recursive(Rectilinear([[0, 1, 2]]), {1: Rectilinear([[1, 1.5, 2]])}))
    found = binned(binner, {}, X, WEIGHTS)
    assert (found.index.tolist(), list(found.made), binner.asked) == ([0, 2, 0], [0, 3, 2], [0, 2, 3])
    again = binned(binner, found.made, X, WEIGHTS)
    assert (again.index.tolist(), again.made, binner.asked) == ([0, 2, 0], {}, [0, 2, 3])
    more = binned(binner, found.made, np.array([[1.2]]), np.ones(1))
    assert (list(more.made), binner.asked) == ([1], [0, 2, 3, 1])


@pytest.mark.parametrize("index", [np.zeros(2, int), np.zeros((3, 1), int), np.zeros(3), ["a", "b", "c"]])
def test_indices_of_another_shape_or_kind_are_a_fault_of_the_binner(index):
    with pytest.raises(BinningError, match=r"binner Returns: index: expected whole numbers of shape \(3,\)"):
        binned(Returns(index, {}), {}, X, WEIGHTS)


def test_all_faults_of_a_binner_are_named_together():
    made = {
        1: Bin(label="", centre=CENTRE),
        4: Bin(label="", centre=CENTRE, parent=5),
        5: Bin(label="", centre=np.zeros(2)),
        -2: Bin(label="", centre=CENTRE, parent=1),
    }
    with pytest.raises(BinningError) as caught:
        binned(Returns(np.array([4, 9, 9]), made), {1: made[1]}, X, WEIGHTS)
    assert str(caught.value).splitlines() == [
        "fault of the binner Returns:",
        "  bin 1 is made, but is known already: an index means one bin for ever",
        "  bin 4 refines bin 5, which is neither known nor made before it",
        "  bin 5: centre: expected shape (1,), got (2,)",
        "  bin -2 is made: expected a whole number, 0 or more",
        "  walkers [1, 2] are in bin 9, which is neither known nor made",
    ]


def test_bins_that_refine_each_other_end_in_an_error():
    class Circle(Asked):
        def bin(self, index):
            return Bin(label="", centre=CENTRE, parent=1 - index)

    with pytest.raises(BinningError, match=r"bins \[0, 1\] refine each other in a circle"):
        binned(Circle(Rectilinear([[0, 2]])), {}, X, WEIGHTS)


def test_a_child_at_fault_is_named_with_its_bin():
    binner = Recursive(Rectilinear([[0, 1, 2]]), {0: Returns(np.array([7, 7]), {})})
    with pytest.raises(BinningError, match=r"inside bin 0, .* are \[0, 2\]: fault of the binner Returns:\n.* in bin 7"):
        binned(binner, {}, X, WEIGHTS)
