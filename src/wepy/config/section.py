"""What all tables of a configuration share: the base class, and the types of their values."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from wepy.binning.interval import edges_to_json


class Section(BaseModel):
    """A table of the configuration; keys it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=True)


def _edge_from_json(edge: object) -> object:
    return float(edge) if edge in ("inf", "-inf") else edge


def _edge_to_json(edge: float) -> float | str:
    return edges_to_json([edge])[0]


# strict: TOML has types of its own, so "5" is no number and true is no count
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Edge = Annotated[
    float,
    Field(strict=True),
    BeforeValidator(_edge_from_json),
    PlainSerializer(_edge_to_json, when_used="json"),  # JSON has no infinity
]
Count = Annotated[int, Field(ge=1, le=10**9, strict=True)]
Index = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Many = Annotated[int, Field(ge=1, le=10**6, strict=True)]  # walkers or bins: what there is one of each of in memory


def _bin_key(key: str) -> str:
    if not (key.isascii() and key.isdecimal() and str(int(key)) == key and int(key) <= 10**9):
        raise ValueError("expected the number of a bin")
    return key


BinKey = Annotated[str, AfterValidator(_bin_key)]  # TOML has text for keys
Flag = Annotated[bool, Field(strict=True)]
Atoms = Annotated[list[Index], Field(min_length=1)]
