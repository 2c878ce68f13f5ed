"""The bins of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wepy.binning import Piece, Piecewise, Recursive
from wepy.config.flat_binner import (
    FlatBinnerSection,
    FunctionBinsSection,
    KMeansSection,
    MABSection,
    RectilinearSection,
    RegionTreeSection,
    VoronoiSection,
    flat_binner_of,
)
from wepy.config.section import BinKey, Edge, Section
from wepy.errors import ConfigurationError
from wepy.protocols import AdaptiveBinner, Binner


class PieceSection(Section):
    """`[[binner.pieces]]`: a box, lower <= x < upper, and the bins of the walkers in it."""

    lower: list[Edge] = Field(min_length=1)
    upper: list[Edge] | None = None
    binner: BinnerSection


class PiecewiseSection(Section):
    """`[binner] kind = "piecewise"`: other bins in other places; the first piece that holds a walker bins it."""

    kind: Literal["piecewise"]
    pieces: list[PieceSection] = Field(min_length=1)


class RecursiveSection(Section):
    """`[binner] kind = "recursive"`: the bins of `base`, those named in `children` being refined by other binners."""

    kind: Literal["recursive"]
    base: BinnerSection
    children: dict[BinKey, BinnerSection]


BinnerSection = Annotated[
    RectilinearSection
    | VoronoiSection
    | FunctionBinsSection
    | PiecewiseSection
    | RecursiveSection
    | MABSection
    | KMeansSection
    | RegionTreeSection,
    Field(discriminator="kind"),
]
PieceSection.model_rebuild()  # binners inside binners: only now are all of them known
PiecewiseSection.model_rebuild()
RecursiveSection.model_rebuild()


def binner_of(section: BinnerSection | None) -> Binner | AdaptiveBinner | None:
    """Return the binner that a section describes.

    Raises
    ------
    ConfigurationError
        If its parts do not fit together: bins that move where fixed ones are needed, other dimensions, no such bin.
    """
    return None if section is None else _binner(section)


def _binner(section: FlatBinnerSection | PiecewiseSection | RecursiveSection) -> Binner | AdaptiveBinner:
    if isinstance(section, PiecewiseSection):
        return Piecewise([Piece(one.lower, one.upper, fixed_binner_of(one.binner)) for one in section.pieces])
    if isinstance(section, RecursiveSection):
        children = {int(bin_): _binner(child) for bin_, child in section.children.items()}
        return Recursive(fixed_binner_of(section.base), children)
    return flat_binner_of(section)


def fixed_binner_of(section: FlatBinnerSection | PiecewiseSection | RecursiveSection) -> Binner:
    """Return the binner that a section describes, whose bins are the same in every cycle.

    Raises
    ------
    ConfigurationError
        If they are not.
    """
    if isinstance(section, MABSection | KMeansSection | RegionTreeSection):
        raise ConfigurationError(
            f'binner: expected bins that are the same in every cycle as base or piece, got kind = "{section.kind}";'
            " such bins can be children of a recursive binner"
        )
    return _binner(section)  # type: ignore[return-value]  # all others have fixed bins, or say at once that they have not
