"""Other bins in other places."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_binners import ensembles, fixed, numbers

from wepy.binning import MAB, Piece, Piecewise, Rectilinear, Voronoi
from wepy.errors import BinningError, ConfigurationError

INF = float("inf")
GRID = Rectilinear([[0, 1, 2]])


boxes = st.lists(st.tuples(numbers, fixed), min_size=1, max_size=3, unique_by=lambda box: round(box[0], 6))


@given(boxes, fixed, ensembles())
def test_the_first_box_that_holds_a_walker_bins_it(boxes, rest, ensemble):
    x, weights = ensemble
    pieces = [*[Piece([cut], [cut + 1.5], binner) for cut, binner in boxes], Piece([-INF], None, rest)]
    index = Piecewise(pieces).assign(x, weights)
    for walker, value in enumerate(x[:, 0].tolist()):
        number = next((k for k, (cut, _) in enumerate(boxes) if cut <= value < cut + 1.5), len(boxes))
        before = sum(piece.binner.n_bins for piece in pieces[:number])
        assert index[walker] - before == pieces[number].binner.assign(x[walker : walker + 1], np.ones(1))[0]


def test_all_walkers_without_a_bin_are_named_together():
    binner = Piecewise(
        [Piece([0, 0], [1, 1], Voronoi([[0, 0]])), Piece([2, 0], [5, INF], Rectilinear([[3, 4], [0, 9]]))]
    )
    with pytest.raises(BinningError) as caught:
        binner.assign(np.array([[0.5, 0.5], [1.5, 0.5], [2.5, 0.0], [0.0, -1.0]]), np.full(4, 0.25))
    assert str(caught.value).splitlines() == [
        "walkers that fit no bin:",
        "  walker 1: all pieces: [1.5, 0.5] lies in no box",
        "  walker 2: piece 1: dimension 0: 2.5 lies outside [3, 4)",
        "  walker 3: all pieces: [0.0, -1.0] lies in no box",
        "  way out: add -inf as the first or inf as the last edge of that dimension",
        "  way out: make a box larger, or add a last piece that is open on all sides (lower -inf, upper inf)",
    ]
    with pytest.raises(BinningError, match="no bin 2: these bins are 0 to 1"):
        binner.bin(2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Piece([0], [1], MAB(2)), r"piece \[0, 1\): expected bins that are the same in every cycle"),
        (lambda: Piece([0], [1], Rectilinear([[0, 1], [0, 1]])), "expected bins of 1 dimensions like the box, got 2"),
        (lambda: Piece([1], [1], GRID), "piece: dimension 0: expected lower < upper, got 1 and 1"),
        (lambda: Piece([1, 2], [3], GRID), "piece: expected one lower and one upper edge for each dimension"),
        (lambda: Piecewise([]), "pieces: expected at least one"),
        (
            lambda: Piecewise([Piece([0], [1], GRID), Piece([0, 0], None, Voronoi([[0, 0]]))]),
            r"of the same dimension, got dimensions \[1, 2\]",
        ),
        (
            lambda: Piecewise([Piece([-INF], [1], GRID), Piece([2], [3], GRID), Piece([0], [1], GRID)]),
            r"pieces\[2\]: \[0, 1\) lies in pieces\[0\], \(-inf, 1\), .* put it first, or leave it out",
        ),
    ],
)
def test_pieces_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()
