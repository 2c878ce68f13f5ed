"""The examples of the page on bins: each configuration makes what the Python after it makes."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

import wepy
from wepy.config import parse_configuration
from wepy.config.binner import binner_of

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "resample.md"
SECTION = re.search(r"^## Bins\n(.*?)^## ", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE).group(1)
PAIRS = re.findall(r"^### (.*?)\n.*?```toml\n(.*?)```\s*```python\n(.*?)```", SECTION, re.DOTALL | re.MULTILINE)


def test_every_kind_has_its_example():
    kinds = re.findall(r"^\| `([\w-]+)` \|", SECTION, re.MULTILINE)
    assert [tomllib.loads(text)["binner"]["kind"] for _, text, _ in PAIRS] == kinds


@pytest.mark.parametrize(("title", "text", "code"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_a_configuration_makes_what_the_code_makes(tmp_path, monkeypatch, title, text, code):
    (tmp_path / "my_bins.py").write_text("def bound_or_not(x, weights):\n    return (x[:, 0] < 0.5).astype(int)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_bins", raising=False)
    raw = {
        "run": {"steps": 1, "seed": 1},
        "engine": {"kind": "double-well"},
        "order_parameter": {"kind": "coordinates"},
    }
    names = {"wepy": wepy}
    exec(code, names)
    binner = binner_of(parse_configuration(raw | tomllib.loads(text)).binner)
    assert binner == names["binner"]
    assert wepy.binner_from_description(binner.describe()) == binner
