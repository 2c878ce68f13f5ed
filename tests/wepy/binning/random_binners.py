"""Random binners in one dimension, nested to any depth, fixed ones and ones that make bins."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from wepy.binning import MAB, KMeansBins, Piece, Piecewise, Rectilinear, Recursive, Voronoi
from wepy.binning.nested import n_leaves_of
from wepy.protocols import Bin, Binning

INF = float("inf")


@dataclass(frozen=True)
class Growing:
    """Bins of one unit, made when first visited; each refines the bin of its sign, which has no walkers."""

    n_dims: int = 1

    def adapt(self, known, order_parameter, weights):
        names = {float(bin_.centre[0]): index for index, bin_ in known.items()}
        made, index = {}, []
        for x in order_parameter[:, 0].tolist():
            sign, unit = (1e9 if x >= 0 else -1e9), float(np.floor(x))
            for name, parent, level in ((sign, -1, 0), (unit, sign, 1)):
                if name not in names:
                    names[name] = max([*known, *made], default=-1) + 1
                    up = names[parent] if level else -1
                    made[names[name]] = Bin(label=str(name), centre=np.array([name]), parent=up, level=level)
            index.append(names[unit])
        return Binning(index=np.array(index, np.int64), made=made)

    def describe(self):
        return {"kind": "growing"}


@dataclass(frozen=True)
class Uncounted:
    """A fixed binner of somebody else's, which does not say how many bins it has."""

    def assign(self, order_parameter, weights):
        return (order_parameter[:, 0] > 0.5).astype(np.int64) * 7

    def bin(self, index):
        return Bin(label=f"own {index}", centre=np.array([float(index)]))

    def describe(self):
        return {"kind": "uncounted"}


numbers = st.integers(-8, 8).map(lambda k: k / 2) | st.floats(-6, 6)


@st.composite
def grids(draw):
    inner = draw(st.lists(numbers, min_size=1, max_size=4, unique=True))
    return Rectilinear([[-INF, *sorted(inner), INF]], target_counts=draw(st.none() | st.integers(1, 5)))


@st.composite
def voronois(draw):
    return Voronoi([[c] for c in draw(st.lists(st.integers(-5, 5), min_size=1, max_size=4, unique=True))])


@st.composite
def nested(draw, parts, bases):
    base = draw(bases)
    count = n_leaves_of(base)
    chosen = draw(st.sets(st.integers(0, count - 1), max_size=min(3, count)))
    return Recursive(base, {bin_: draw(parts) for bin_ in chosen})


@st.composite
def piecewises(draw, parts):
    cut = draw(numbers)
    return Piecewise([Piece([cut], [cut + 2.0], draw(parts)), Piece([-INF], None, draw(parts))])


flat = grids() | voronois()
fixed = st.recursive(flat, lambda parts: nested(parts, parts) | piecewises(parts), max_leaves=8)
moving = st.sampled_from(
    [MAB(3), MAB(2, direction=-1), MAB(1, bottleneck=False), KMeansBins(3), Growing(), Uncounted()]
)
binners = st.recursive(fixed | moving, lambda parts: nested(parts, fixed), max_leaves=6)


@st.composite
def ensembles(draw, min_size=1, max_size=12):
    x = draw(st.lists(numbers, min_size=min_size, max_size=max_size))
    raw = np.array(draw(st.lists(st.integers(1, 1000), min_size=len(x), max_size=len(x))), float)
    return np.array(x, float)[:, None], raw / raw.sum() if len(x) else raw
