"""What a run's file says of where it comes from."""

import json
from importlib import metadata

import jsonschema
import pytest

import wepy
import wepy_data as wd
from wepy.provenance import start_record
from wepy_data.schema.location import schema_folder

SCHEMA = json.loads((schema_folder() / "provenance.schema.json").read_text())


def record(seed=1, components=None):
    return start_record(seed=seed, cycle=0, version=wd.__version__, components=components or {"engine": None})


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_a_record_is_what_the_schema_says(seed):
    jsonschema.validate([record(seed)], SCHEMA)


def test_versions_are_those_installed():
    software = record()["software"]
    assert software["wepy"] == wepy.__version__
    assert software["numpy"] == metadata.version("numpy")


def test_only_named_environment_variables_are_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("WEPY_OPENMM_PLATFORM", "CPU")
    monkeypatch.setenv("A_PASSWORD", "secret")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    environment = record()["environment"]
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["WEPY_OPENMM_PLATFORM"] == "CPU"
    assert "SLURM_JOB_ID" not in environment
    assert "secret" not in json.dumps(record())
