"""What OpenMM computes on: the engine's platform, or that of the worker's environment."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import openmm
import pytest

from wepy.engine import OpenMM
from wepy.engine.openmm.platform import choice, platform_of
from wepy.errors import ConfigurationError
from wepy.protocols import OnPlatform
from wepy.streams import Purpose, Stream

PLATFORM, PROPERTIES = "WEPY_OPENMM_PLATFORM", "WEPY_OPENMM_PROPERTIES"
START = {"positions": np.array([[0.0, 0.0, 0.0], [0.4, 0.0, 0.0]])}
ONE_THREAD = {"Threads": "1"}


def stream(walker=0):
    return Stream(seed=11, purpose=Purpose.DYNAMICS, cycle=0, walker=walker)


@pytest.fixture
def pair():
    """An engine of two argon atoms, on the Reference platform, that has not run yet."""
    system, force = openmm.System(), openmm.NonbondedForce()
    for _ in range(2):
        system.addParticle(39.9)
        force.addParticle(0.0, 0.34, 1.0)
    system.addForce(force)
    integrator = openmm.LangevinMiddleIntegrator(300.0, 5.0, 0.004)
    return OpenMM(
        system_xml=openmm.XmlSerializer.serialize(system), integrator_xml=openmm.XmlSerializer.serialize(integrator)
    )


@pytest.fixture
def worker(monkeypatch):
    """A function that gives this process the environment of a worker."""

    def environment(**variables):
        for name in (PLATFORM, PROPERTIES):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(f"WEPY_OPENMM_{name}", value)

    environment()
    return environment


def end(engine, walker=0):
    return engine.run(START, 50, stream(walker)).state["positions"].tobytes()


@pytest.mark.parametrize(
    ("environment", "platform", "properties", "variables"),
    [
        ({}, "CPU", ONE_THREAD, ()),
        ({PLATFORM: "", PROPERTIES: " "}, "CPU", ONE_THREAD, ()),
        ({PLATFORM: "CUDA"}, "CUDA", {}, (PLATFORM,)),
        ({PLATFORM: "CPU"}, "CPU", ONE_THREAD, (PLATFORM,)),
        ({PROPERTIES: "Threads=4"}, "CPU", {"Threads": "4"}, (PROPERTIES,)),
        (
            {PROPERTIES: "DeterministicForces=true"},
            "CPU",
            {"Threads": "1", "DeterministicForces": "true"},
            (PROPERTIES,),
        ),
        (
            {PLATFORM: "CUDA", PROPERTIES: "Precision=mixed, DeviceIndex=1"},
            "CUDA",
            {"Precision": "mixed", "DeviceIndex": "1"},
            (PLATFORM, PROPERTIES),
        ),
    ],
)
def test_the_environment_is_put_over_what_the_engine_says(environment, platform, properties, variables):
    found = choice("CPU", ONE_THREAD, environment)
    assert (found.platform, dict(found.properties), found.variables) == (platform, properties, variables)


@pytest.mark.parametrize("text", ["Threads", "Threads=1,", "=1", "Threads=", "Threads=1;,x", ","])
def test_malformed_properties_name_the_variable_and_the_form(text):
    with pytest.raises(ConfigurationError, match=f"OpenMM: {PROPERTIES} of process {os.getpid()} on .*Name=value,"):
        choice("CPU", {}, {PROPERTIES: text})


def test_a_property_that_is_given_twice_is_refused():
    with pytest.raises(ConfigurationError, match=f"{PROPERTIES} .*each name once, found 'Threads' twice"):
        choice("CPU", {}, {PROPERTIES: "Threads=1,Threads=2"})


def test_an_unknown_platform_names_the_variable_and_those_that_are_there(pair, worker):
    worker(PLATFORM="Abacus")
    message = (
        rf"{PLATFORM} of process {os.getpid()} on \S+: platform 'Abacus' is not available here; there are Reference"
    )
    with pytest.raises(ConfigurationError, match=message):
        pair.run(START, 5, stream())


def test_an_unknown_property_names_the_variable_and_those_that_are_known(pair, worker):
    worker(PLATFORM="CPU", PROPERTIES="Beads=9")
    with pytest.raises(ConfigurationError) as caught:
        pair.run(START, 5, stream())
    assert f"{PLATFORM} and {PROPERTIES} of process" in str(caught.value)
    assert "Illegal property name: Beads; the properties of CPU are: Threads, DeterministicForces" in str(caught.value)
    worker(PROPERTIES="Beads=9")
    with pytest.raises(ConfigurationError, match=f"{PROPERTIES} of .* the properties of Reference are: none"):
        pair.run(START, 5, stream())


def test_errors_of_the_engine_s_own_platform_name_no_variable(pair, worker):
    with pytest.raises(ConfigurationError, match=r"^OpenMM: platform 'Abacus' is not available here"):
        replace(pair, platform="Abacus").run(START, 5, stream())


def test_a_worker_s_platform_gives_the_bits_of_an_engine_on_it(pair, worker):
    there = replace(pair, platform="CPU", properties=ONE_THREAD)
    expected = end(there)
    assert there.describe()["platform"] == "CPU"
    worker(PLATFORM="CPU", PROPERTIES="Threads=1")
    assert end(pair) == expected
    assert pair.platform_in_use == "CPU"
    assert pair.describe()["platform"] == "Reference"  # what it is set to: the same on all workers


def test_another_process_keeps_its_own_platform(pair, worker):
    worker()
    program = (
        "import pickle, sys; engine, start, stream = pickle.load(sys.stdin.buffer)\n"
        "engine.run(start, 5, stream); print(engine.platform_in_use)"
    )
    called = pickle.dumps((pair, START, stream()))
    found = [
        subprocess.run(
            [sys.executable, "-c", program], input=called, capture_output=True, check=True, env=os.environ | more
        ).stdout.decode()
        for more in ({}, {PLATFORM: "CPU"})
    ]
    assert found == ["Reference\n", "CPU\n"]


def test_an_engine_knows_what_it_computes_on_once_it_has_run(pair, worker):
    assert isinstance(pair, OnPlatform)
    assert pair.platform_in_use == ""
    end(pair)
    assert pair.platform_in_use == "Reference"
    assert pickle.loads(pickle.dumps(pair)).platform_in_use == ""


def test_precision_is_named_where_there_is_a_choice():
    values = {"Precision": "mixed", "DeviceIndex": "0"}
    platform = SimpleNamespace(
        getName=lambda: "CUDA",
        getPropertyNames=lambda: tuple(values),
        getPropertyValue=lambda context, name: values[name],
    )
    assert platform_of(SimpleNamespace(getPlatform=lambda: platform)) == "CUDA mixed"
    values.pop("Precision")
    assert platform_of(SimpleNamespace(getPlatform=lambda: platform)) == "CUDA"


def test_threads_on_the_reference_platform_of_a_worker_do_not_disturb_each_other(pair, worker):
    alone = [end(pair, walker) for walker in range(6)]
    worker(PLATFORM="Reference")
    engine = replace(pair, platform="CPU", properties=ONE_THREAD)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda walker: end(engine, walker), range(6))) == alone
