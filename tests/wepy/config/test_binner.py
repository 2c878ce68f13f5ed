"""Bins built from configurations: every kind there is, and what is said of mistakes."""

import tomllib

import numpy as np
import pytest

from wepy import MAB, FunctionBins, KMeansBins, Piece, Piecewise, Rectilinear, Recursive, Voronoi
from wepy.binning import binned, binner_from_description
from wepy.config import build_simulation, parse_configuration
from wepy.errors import ConfigurationError

INF = float("inf")
GRID = Rectilinear([[-INF, 0.0, 1.0, INF]])


def built(tmp_path, text, n_dims=1):
    raw = {
        "run": {"steps": 4, "seed": 3, "walkers": 4},
        "engine": {"kind": "double-well"},
        "order_parameter": {"kind": "coordinates", "indices": list(range(n_dims))},
        "states": [{"x": [-1.0]}],
    }
    config = parse_configuration(raw | tomllib.loads(text))
    assert parse_configuration(config.model_dump(mode="json")) == config
    return build_simulation(config, tmp_path).binner


KINDS = {
    "rectilinear": ('edges = [[-inf, 0.0, 1.0, inf]]\ntarget_counts = {"0" = 1}', None),
    "voronoi": ("centres = [[0.0], [1.0]]\ntarget_counts = 3", Voronoi([[0], [1]], target_counts=3)),
    "function": (
        'name = "math:sqrt"\nn_bins = 2\nlabels = ["a", "b"]\ntarget_counts = {"1" = 2}',
        FunctionBins("math:sqrt", 2, labels=["a", "b"], target_counts={1: 2}),
    ),
    "mab": (
        "nbins = [5]\ndirection = [86]\nskip = [false]\nbottleneck = false\ntarget_count = 2",
        MAB([5], direction=86, bottleneck=False, target_count=2),
    ),
    "k-means": ("n_groups = 3\ndims = [0]\nscale = [0.5]", KMeansBins(3, dims=[0], scale=[0.5])),
    "recursive": (
        '[binner.base]\nkind = "rectilinear"\nedges = [[-inf, 0.0, 1.0, inf]]\n'
        '[binner.children.1]\nkind = "recursive"\nbase = {kind = "voronoi", centres = [[0.2], [0.7]]}\n'
        '[binner.children.1.children.0]\nkind = "mab"\nnbins = [2]',
        Recursive(GRID, {1: Recursive(Voronoi([[0.2], [0.7]]), {0: MAB([2])})}),
    ),
    "piecewise": (
        '[[binner.pieces]]\nlower = [0.0]\nupper = [1.0]\nbinner = {kind = "voronoi", centres = [[0.2], [0.7]]}\n'
        '[[binner.pieces]]\nlower = [-inf]\nbinner = {kind = "rectilinear", edges = [[-inf, 0.0, 1.0, inf]]}',
        Piecewise([Piece([0], [1], Voronoi([[0.2], [0.7]])), Piece([-INF], None, GRID)]),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_binners_are_built_and_bin(tmp_path, kind):
    text, expected = KINDS[kind]
    binner = built(tmp_path, f'[binner]\nkind = "{kind}"\n{text}')
    assert binner == (expected or Rectilinear(GRID.edges, target_counts={0: 1}))
    assert binner_from_description(binner.describe()) == binner
    if kind != "function":
        assert len(binned(binner, {}, np.array([[-0.5], [0.3], [0.6]]), np.full(3, 1 / 3)).made) >= 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "mab"\nnbins = [0]', r"binner.nbins\[0\]: expected a number of at least 1, found 0"),
        ('kind = "mab"\nnbin = [1]', "binner.nbin: unknown key; did you mean nbins?"),
        ('kind = "mab"\nnbins = [2]\ndirection = [2]', r"binner.direction\[0\]: expected 0, 1, -1 or 86, found 2"),
        ('kind = "mab"\nnbins = [2]\nskip = [1]', r"binner.skip\[0\]: expected true or false, found 1"),
        ('kind = "mab"\nnbins = [2, 2]', r"binner: expected one entry for each dimension .* \(x0\), found 2"),
        ('kind = "voronoi"\ncentres = [[0.0], [inf]]', r"binner.centres\[1\]\[0\]: expected a finite number"),
        ('kind = "voronoi"\ncentres = [[0.0], [0.0]]', r"centres\[1\]: expected centres apart"),
        ('kind = "function"\nname = "bins"\nn_bins = 2', "binner.name: expected package.module:function"),
        ('kind = "k-means"\nn_groups = 2\ntarget_count = -1', "binner.target_count: expected a number of at least 0"),
        (
            'kind = "voronoi"\ncentres = [[0.0]]\ntarget_counts = {x = 1}',
            r"binner.target_counts.x.*: expected the number of a bin, found 'x'",
        ),
        (
            'kind = "recursive"\nchildren = {}\nbase = {kind = "mab", nbins = [2]}',
            'expected bins that are the same in every cycle as base or piece, got kind = "mab"',
        ),
        (
            'kind = "recursive"\nbase = {kind = "voronoi", centres = [[0.0]]}\n'
            '[binner.children.0]\nkind = "mab"\nnbims = [2]',
            "binner.children.0.nbins: missing; add it\n.*binner.children.0.nbims: unknown key; did you mean nbins?",
        ),
        (
            'kind = "recursive"\nbase = {kind = "voronoi", centres = [[0.0]]}\n[binner.children.0]\nkind = "mob"',
            "binner.children.0.kind: expected one of .*found 'mob'",
        ),
        (
            'kind = "recursive"\nbase = {kind = "voronoi", centres = [[0.0]]}\n'
            '[binner.children.1]\nkind = "mab"\nnbins = [2]',
            "children: no bin 1 to refine",
        ),
        ('kind = "piecewise"\npieces = []', "binner.pieces: expected at least 1"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        built(tmp_path, f"[binner]\n{text}")
