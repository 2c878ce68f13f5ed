"""Several order parameters side by side."""

import numpy as np
import pytest

from wepy import ConfigurationError, Coordinates, Frames, Joined, MinimumDistance
from wepy.config import parse_configuration, read_inputs
from wepy.config.order_parameter import order_parameter_of

FRAMES = Frames(positions=np.arange(18.0).reshape(2, 3, 3), step=np.array([1, 2]), time=np.array([0.0, 1.0]))


def test_dimensions_follow_one_another():
    joined = Joined([Coordinates([2, 0], labels=["z", "x"], unit="nm"), MinimumDistance([0], [1, 2])])
    assert joined(FRAMES).tolist() == [
        [2.0, 0.0, pytest.approx(27**0.5, abs=1e-6)],
        [11.0, 9.0, pytest.approx(27**0.5, abs=1e-6)],
    ]
    assert joined.labels[:2] == ("z", "x")
    assert joined.unit == "nm"
    assert Joined([Coordinates([0]), MinimumDistance([0], [1])]).unit == ""


@pytest.mark.parametrize(
    ("parts", "message"),
    [([], "at least one order parameter"), ([Coordinates([0]), Coordinates([0])], "found twice: x0")],
)
def test_parts_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(ConfigurationError, match=message):
        Joined(parts)


def test_parts_are_tables_of_the_configuration(tmp_path):
    (tmp_path / "bound.pdb").write_text("REMARK\n")
    config = parse_configuration(
        {
            "run": {"steps": 1, "seed": 1},
            "engine": {"kind": "random-walk"},
            "order_parameter": {
                "kind": "joined",
                "parts": [
                    {"kind": "coordinates", "atoms": [1, 4]},
                    {"kind": "rmsd", "reference": "bound.pdb", "atoms": [0, 1, 2]},
                ],
            },
        }
    )
    assert read_inputs(config, tmp_path) == {"bound.pdb": "REMARK\n"}
    first = order_parameter_of(config.order_parameter.parts[0], tmp_path)
    assert (first.indices, first.unit) == ((3, 4, 5, 12, 13, 14), "nm")
