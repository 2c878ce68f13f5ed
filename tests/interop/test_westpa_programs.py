"""WESTPA's programs and wedap on runs of ours, where they are installed in an environment of their own."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ENVIRONMENT = os.environ.get("WEPY_WESTPA_ENVIRONMENT", "")


@pytest.mark.skipif(not ENVIRONMENT, reason="WEPY_WESTPA_ENVIRONMENT names no environment with westpa and wedap")
def test_westpa_and_wedap_find_what_the_run_says(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("westpa_programs", Path(__file__).with_name("westpa_programs.py"))
    programs = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, programs)  # dataclasses look for it there
    spec.loader.exec_module(programs)
    found = programs.compare(Path(ENVIRONMENT).resolve(), tmp_path, cycles=60)
    assert {one.program for one in found} == {
        "w_succ",
        "w_fluxanl",
        "w_assign",
        "w_direct",
        "w_pdist",
        "w_trace",
        "wedap",
    }
    assert [one for one in found if not one.holds] == []
