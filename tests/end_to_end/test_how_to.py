"""The examples of the page on lineages, executed."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def pictures():
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_on_lineages_does_what_it_says(pictures, tmp_path):
    pictures.make_run(tmp_path / "run.h5")
    names = pictures.run_page(pictures.PAGE, tmp_path)
    for picture in pictures.PICTURES:
        assert (tmp_path / picture).stat().st_size > 1000
        assert (DOCS / "images" / picture).exists()
    assert (DOCS / "images" / pictures.REGIONS).exists()
    assert names["lineage"].n_cycles == 100
    assert 0 < names["cluster"].max() < len(names["together"]) - 1
    assert 0 < names["independent"] < len(names["arrivals"])
    assert names["written"].n_frames > 0
    assert {path.suffix for path in tmp_path.iterdir()} >= {".dcd", ".pdb", ".csv", ".tcl", ".pml", ".gexf", ".nwk"}
