"""The OpenMM engine, on the Reference platform."""

import hashlib
import math
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest

from wepy.engine import OpenMM
from wepy.engine.topology import element_symbols
from wepy.errors import ConfigurationError, SegmentError
from wepy.order_parameter import Dihedral
from wepy.protocols import Frames, Segment
from wepy.streams import Purpose, Stream

PDB = Path(__file__).parents[4] / "examples" / "alanine_dipeptide" / "alanine_dipeptide.pdb"
KT = 8.31446261815324e-3  # kJ/mol per K


def stream(walker=0, cycle=0, purpose=Purpose.DYNAMICS):
    return Stream(seed=11, purpose=purpose, cycle=cycle, walker=walker)


PREPARATION = stream(purpose=Purpose.PREPARATION)


def xml(value):
    return openmm.XmlSerializer.serialize(value)


def bits(segment):
    frames = segment.frames
    arrays = [*segment.state.values(), frames.positions, frames.step, frames.time, *segment.observables.values()]
    return [array.tobytes() for array in arrays]


def digest(segment: Segment) -> str:
    return hashlib.sha256(b"".join(bits(segment))).hexdigest()


@pytest.fixture(scope="module")
def alanine():
    return OpenMM.from_force_field(
        pdb=PDB,
        force_field=["amber14/protein.ff14SB.xml"],
        temperature=600.0,
        friction=5.0,
        timestep=0.002,
        stride=10,
        observables=("potential_energy", "kinetic_energy"),
    )


@pytest.fixture(scope="module")
def start(alanine):
    return alanine.prepare(PREPARATION)


@pytest.fixture
def lj_pair():
    system, force = openmm.System(), openmm.NonbondedForce()
    for _ in range(2):
        system.addParticle(39.9)
        force.addParticle(0.0, 0.34, 14.966032712675833)
    system.addForce(force)
    integrator = openmm.BrownianIntegrator(300.0, 50.0, 0.01)
    return OpenMM(system_xml=xml(system), integrator_xml=xml(integrator), stride=5)


def argon(barostat=True):
    """27 argon atoms in a periodic box, with charges and a barostat to draw random numbers of its own."""
    system, force = openmm.System(), openmm.NonbondedForce()
    system.setDefaultPeriodicBoxVectors((1.8, 0, 0), (0.2, 1.8, 0), (-0.1, 0.3, 1.8))
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(0.8)
    for index in range(27):
        system.addParticle(39.9)
        force.addParticle((-1) ** index * 0.1 if index < 26 else 0.0, 0.34, 0.99)
    system.addForce(force)
    if barostat:
        system.addForce(openmm.MonteCarloBarostat(100.0, 120.0, 3))
    grid = 0.6 * np.stack(np.meshgrid(*[range(3)] * 3, indexing="ij"), axis=-1).reshape(27, 3) + 0.1
    integrator = openmm.LangevinMiddleIntegrator(120.0, 1.0, 0.004)
    return OpenMM(system_xml=xml(system), integrator_xml=xml(integrator), start=grid, keep_velocities=True)


def test_segment_has_frames_at_the_stride_and_ends_with_its_state(alanine, start):
    segment = alanine.run(start, 25, stream())
    frames = segment.frames
    assert frames.step.tolist() == [10, 20, 25]
    np.testing.assert_allclose(frames.time, [0.02, 0.04, 0.05])
    assert frames.positions.shape == (3, 22, 3)
    assert frames.positions[-1].tobytes() == segment.state["positions"].tobytes()
    assert frames.box is None
    assert frames.velocities is None
    assert set(segment.state) == {"positions", "velocities"}
    assert all(value.dtype == np.float64 for value in segment.state.values())
    for energy in segment.observables.values():
        assert energy.shape == (3,)
        assert np.isfinite(energy).all()


def test_stride_changes_no_bit_of_the_end(alanine, start):
    ends = [replace(alanine, stride=stride).run(start, 25, stream()).state for stride in (None, 1, 7)]
    for end in ends[1:]:
        assert end["positions"].tobytes() == ends[0]["positions"].tobytes()
        assert end["velocities"].tobytes() == ends[0]["velocities"].tobytes()


def test_walkers_part_and_the_same_stream_repeats(alanine, start):
    first, second, again = (alanine.run(start, 10, stream(walker)) for walker in (0, 1, 0))
    assert bits(first) == bits(again)
    assert bits(first) != bits(second)


PROGRAM = """
import pickle, sys
sys.path.insert(0, {here!r})
from test_definition import digest
engine, calls = pickle.load(sys.stdin.buffer)
for state, steps, stream in calls:
    segment = engine.run(state, steps, stream)
print(digest(segment))
"""


def in_fresh_process(engine, *calls):
    program = PROGRAM.format(here=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps((engine, calls)), capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.mark.parametrize("kind", ["alanine", "argon"])
def test_segment_is_the_same_whatever_its_context_ran_before(kind, request):
    engine = request.getfixturevalue("alanine") if kind == "alanine" else argon()
    begin = engine.prepare(PREPARATION)
    first = engine.run(begin, 25, stream(1))
    other = engine.run(first.state, 13, stream(2))
    again = engine.run(begin, 25, stream(1))
    assert bits(first) == bits(again)
    assert bits(first) != bits(other)
    assert in_fresh_process(engine, (begin, 25, stream(1))) == digest(first)
    assert in_fresh_process(engine, (begin, 7, stream(5)), (begin, 25, stream(1))) == digest(first)


def test_two_engines_in_one_process_do_not_disturb_each_other(alanine, start, lj_pair):
    alone = alanine.run(start, 20, stream())
    lj_pair.run({"positions": np.array([[0.0, 0, 0], [0.4, 0, 0]])}, 3, stream(9))
    assert bits(alanine.run(start, 20, stream())) == bits(alone)


def test_threads_give_the_bits_of_one_by_one(alanine, start):
    alone = [bits(alanine.run(start, 30, stream(walker))) for walker in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = pool.map(lambda walker: bits(alanine.run(start, 30, stream(walker))), range(6))
    assert list(together) == alone


def test_pickled_engine_leaves_its_context_behind(alanine, start):
    alanine.run(start, 5, stream())
    text = pickle.dumps(alanine)
    copy = pickle.loads(text)
    assert pickle.dumps(copy) == text
    assert b"Context" not in text
    assert bits(copy.run(start, 5, stream())) == bits(alanine.run(start, 5, stream()))


def test_prepared_state_is_minimised_constrained_and_warm(alanine, start):
    system = openmm.XmlSerializer.deserialize(alanine.system_xml)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    energy = {}
    for minimise in (True, False):
        context.setPositions(alanine.prepare(PREPARATION, minimise=minimise)["positions"])
        energy[minimise] = context.getState(True, False, False, True).getPotentialEnergy()._value
    assert energy[True] < energy[False] - 1.0
    assert system.getNumConstraints() == 12
    for index in range(system.getNumConstraints()):
        i, j, length = system.getConstraintParameters(index)
        away = start["positions"][i] - start["positions"][j]
        assert np.linalg.norm(away) == pytest.approx(length._value, rel=1e-4)
        along = away @ (start["velocities"][i] - start["velocities"][j])
        assert abs(along) < 1e-3
    degrees = 3 * 22 - 12
    kinetic = [
        alanine.prepare(stream(walker, purpose=Purpose.PREPARATION), minimise=False, temperature=300.0)["velocities"]
        for walker in range(40)
    ]
    energy = 0.5 * np.einsum("a,wai,wai->w", alanine.system.mass, kinetic, kinetic)
    assert energy.mean() == pytest.approx(0.5 * degrees * KT * 300.0, rel=4 * math.sqrt(2 / degrees / 40))


def test_minimised_alanine_dipeptide_is_where_its_reference_rate_starts(start):
    frames = Frames(positions=start["positions"][None], step=np.array([1]), time=np.array([0.0]))
    angles = Dihedral(atoms=[[4, 6, 8, 14], [6, 8, 14, 16]], labels=["phi", "psi"])(frames)
    np.testing.assert_allclose(np.degrees(angles), [[-75.3, 55.9]], atol=0.2)


def test_prepared_velocities_come_from_the_stream(alanine, start):
    again = alanine.prepare(PREPARATION)
    other = alanine.prepare(stream(1, purpose=Purpose.PREPARATION))
    assert again["velocities"].tobytes() == start["velocities"].tobytes()
    assert other["velocities"].tobytes() != start["velocities"].tobytes()
    assert other["positions"].tobytes() == start["positions"].tobytes()


def test_state_without_velocities_gets_fresh_ones(alanine, start):
    positions = {"positions": start["positions"]}
    first, second, again = (alanine.run(positions, 1, stream(walker)) for walker in (0, 1, 0))
    assert np.abs(first.state["velocities"]).max() > 0.1
    assert bits(first) == bits(again)
    assert bits(first) != bits(second)
    assert not np.allclose(first.state["velocities"], second.state["velocities"], atol=0.1)


def test_system_knows_elements_masses_and_charges(alanine):
    system = alanine.system
    assert system.species.tolist()[:6] == [1, 6, 1, 1, 6, 8]
    assert system.mass.sum() == pytest.approx(144.17, abs=0.05)
    assert system.charge.sum() == pytest.approx(0.0, abs=1e-6)
    assert np.abs(system.charge).max() > 0.3
    assert not system.periodic
    assert system.timestep == 0.002
    assert element_symbols(system.topology)[:2] == ["H", "C"]


def test_pair_of_a_brownian_integrator_needs_no_velocities(lj_pair):
    begin = {"positions": np.array([[0.0, 0.0, 0.0], [0.3816, 0.0, 0.0]])}
    segment = lj_pair.run(begin, 12, stream())
    assert set(segment.state) == {"positions"}
    assert segment.frames.step.tolist() == [5, 10, 12]
    assert lj_pair.system.species.tolist() == [0, 0]
    assert lj_pair.system.n_atoms == 2
    following = lj_pair.run(segment.state, 12, stream(cycle=1))
    assert not np.array_equal(following.state["positions"], segment.state["positions"])


def test_free_particles_diffuse_as_einstein_says():
    system = openmm.System()
    for _ in range(500):
        system.addParticle(39.9)
    spring = openmm.CustomExternalForce("0*x")
    system.addForce(spring)
    engine = OpenMM(system_xml=xml(system), integrator_xml=xml(openmm.BrownianIntegrator(300.0, 50.0, 0.01)))
    end = engine.run({"positions": np.zeros((500, 3))}, 100, stream()).state["positions"]
    exact = 2 * KT * 300.0 / (39.9 * 50.0) * 1.0
    assert np.mean(end**2) == pytest.approx(exact, rel=4 * math.sqrt(2 / 1500))


def test_harmonic_well_by_custom_force_has_its_spread():
    system = openmm.System()
    for _ in range(300):
        system.addParticle(39.9)
    spring = openmm.CustomExternalForce("500*(x^2+y^2+z^2)")
    for index in range(300):
        spring.addParticle(index, [])
    system.addForce(spring)
    integrator = openmm.BrownianIntegrator(300.0, 50.0, 0.01)
    engine = OpenMM(system_xml=xml(system), integrator_xml=xml(integrator), stride=50)
    frames = engine.run({"positions": np.zeros((300, 3))}, 1000, stream()).frames
    discrete = 1 - 1000.0 * 0.01 / (39.9 * 50.0) / 2  # Euler and Maruyama widen the well by this
    assert np.mean(frames.positions[8:] ** 2) == pytest.approx(KT * 300.0 / 1000.0 / discrete, rel=0.04)


def test_periodic_system_carries_its_box_and_never_wraps():
    engine = argon()
    begin = engine.prepare(PREPARATION)
    assert engine.system.periodic
    np.testing.assert_allclose(begin["box"], [[1.8, 0, 0], [0.2, 1.8, 0], [-0.1, 0.3, 1.8]])
    segment = engine.run(begin, 40, stream())
    assert segment.frames.box.shape == (1, 3, 3)
    assert segment.frames.box[-1].tobytes() == segment.state["box"].tobytes()
    assert not np.allclose(segment.state["box"], begin["box"], atol=1e-6)
    assert segment.frames.velocities[-1].tobytes() == segment.state["velocities"].tobytes()
    still = argon(barostat=False)
    moved = {**begin, "positions": begin["positions"] + 50.0}
    assert still.run(moved, 10, stream()).state["positions"].min() > 45.0


def test_state_without_box_gets_the_systems_own():
    engine = argon(barostat=False)
    begin = engine.prepare(PREPARATION)
    shrunk = {**begin, "box": begin["box"] * 0.95}
    np.testing.assert_allclose(engine.run(shrunk, 1, stream()).state["box"], shrunk["box"])
    bare = {name: begin[name] for name in ("positions", "velocities")}
    np.testing.assert_allclose(engine.run(bare, 1, stream()).state["box"], begin["box"])


def test_exploding_coordinates_name_the_walker(lj_pair, alanine, start):
    clash = {"positions": np.array([[0.0, 0.0, 0.0], [1e-9, 0.0, 0.0]])}
    with pytest.raises(SegmentError, match=r"walker 4 of cycle 3: after 5 steps 2 particles have exploded: particle 0"):
        lj_pair.run(clash, 20, stream(4, cycle=3))
    hot = {**start, "velocities": start["velocities"] * 1e9}
    with pytest.raises(SegmentError, match="walker 2 of cycle 0"):
        alanine.run(hot, 20, stream(2))
    assert np.isfinite(alanine.run(start, 5, stream()).state["positions"]).all()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "expected positions, velocities and box, found"),
        ({"positions": np.zeros((2, 3)), "x": np.zeros(1)}, r"found \['positions', 'x'\]"),
        ({"positions": np.zeros((3, 3))}, r"positions: expected shape \(2, 3\), found \(3, 3\)"),
        ({"positions": np.full((2, 3), np.nan)}, "positions: expected finite numbers"),
    ],
)
def test_state_that_does_not_fit_is_refused(lj_pair, state, message):
    with pytest.raises(ConfigurationError, match=message):
        lj_pair.run(state, 5, stream())


def test_missing_platform_says_which_there_are(alanine, start):
    engine = replace(alanine, platform="Abacus")
    with pytest.raises(ConfigurationError, match="platform 'Abacus' is not available here; there are Reference, CPU"):
        engine.run(start, 5, stream())


def test_unknown_property_of_a_platform_is_refused(alanine, start):
    engine = replace(alanine, platform="CPU", properties={"Beads": "9"})
    with pytest.raises(ConfigurationError, match="platform CPU with properties"):
        engine.run(start, 5, stream())


def test_one_thread_of_the_cpu_platform_repeats(alanine, start):
    engine = replace(alanine, platform="CPU", properties={"Threads": 1}, observables=())
    first = engine.run(start, 25, stream(1))
    engine.run(start, 5, stream(2))
    assert bits(engine.run(start, 25, stream(1))) == bits(first)
    assert in_fresh_process(engine, (start, 25, stream(1))) == digest(first)
    assert engine.describe()["reproducible"] is True


def test_description_says_what_is_promised(alanine):
    description = alanine.describe()
    assert description["kind"] == "OpenMM"
    assert description["platform"] == "Reference"
    assert description["reproducible"] is True
    assert description["integrator"] == "LangevinMiddleIntegrator"
    assert description["temperature"] == 600.0
    assert description["n_constraints"] == 12
    assert description["system_sha256"] == hashlib.sha256(alanine.system_xml.encode()).hexdigest()
    assert replace(alanine, platform="CPU").describe()["reproducible"] is False
    assert replace(alanine, platform="CUDA").describe()["reproducible"] is False
    assert len(repr(alanine)) < 300


def test_files_and_force_field_make_the_same_engine(alanine, start, tmp_path):
    for name in ("system", "integrator"):
        (tmp_path / f"{name}.xml").write_text(getattr(alanine, f"{name}_xml"))
    engine = OpenMM.from_files(
        system=tmp_path / "system.xml", integrator=tmp_path / "integrator.xml", pdb=PDB, stride=10
    )
    assert engine.topology == alanine.topology
    assert engine.run(start, 20, stream()).state["positions"].tobytes() == (
        alanine.run(start, 20, stream()).state["positions"].tobytes()
    )
    bare = OpenMM.from_files(system=tmp_path / "system.xml", integrator=tmp_path / "integrator.xml")
    with pytest.raises(ConfigurationError, match="no positions to prepare"):
        bare.prepare(PREPARATION)


def force_field(**changes):
    settings = {
        "pdb": PDB,
        "force_field": ["amber14/protein.ff14SB.xml"],
        "temperature": 300.0,
        "friction": 1.0,
        "timestep": 0.002,
    }
    return OpenMM.from_force_field(**{**settings, **changes})


def test_hydrogen_mass_cutoff_and_constraints_reach_the_system():
    engine = force_field(hydrogen_mass=3.0, nonbonded="CutoffNonPeriodic", cutoff=0.9, constraints=None)
    assert engine.system.mass[engine.system.species == 1].min() == pytest.approx(3.0)
    assert engine.describe()["n_constraints"] == 0
    system = openmm.XmlSerializer.deserialize(engine.system_xml)
    (force,) = (force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    assert force.getCutoffDistance()._value == 0.9


def test_implicit_solvent_is_one_more_force_field_file():
    engine = force_field(force_field=["amber14/protein.ff14SB.xml", "implicit/obc2.xml"])
    assert "GBSAOBCForce" in engine.system_xml or "CustomGBForce" in engine.system_xml


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": -1.0}, "OpenMM: temperature: expected a finite number above zero"),
        ({"nonbonded": "Sometimes"}, "nonbonded: expected one of NoCutoff, .*, found 'Sometimes'"),
        ({"constraints": "hbonds"}, "constraints: expected one of HBonds"),
        ({"cutoff": 0.0, "nonbonded": "PME"}, "OpenMM: cutoff: expected"),
        ({"cutoff": 1.0, "nonbonded": "NoCutoff"}, 'OpenMM: cutoff: nonbonded is "NoCutoff".*, found 1.0'),
        ({"force_field": ["no-such.xml"]}, "force field no-such.xml: .*no-such.xml"),
        ({"force_field": ["amber14/tip3p.xml"]}, "No template found for residue"),
        ({"pdb": "missing.pdb"}, "pdb: cannot read missing.pdb"),
        ({"observables": ("temperature",)}, "observables: expected some of"),
        ({"stride": 0}, "stride: expected a whole number"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        force_field(**changes)


def test_definition_that_does_not_fit_together_is_refused(lj_pair):
    for changes, message in (
        ({"system_xml": "<nothing/>"}, "system_xml: expected an XML text of OpenMM"),
        ({"system_xml": lj_pair.integrator_xml}, "system_xml: expected System, found BrownianIntegrator"),
        ({"integrator_xml": lj_pair.system_xml}, "integrator_xml: expected Integrator, found System"),
        ({"start": np.zeros((3, 3))}, r"start: expected shape \(2, 3\), found \(3, 3\)"),
        ({"topology": force_field().topology}, "topology: expected the system's 2 particles, found 22"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            replace(lj_pair, **changes)


def test_integrators_that_walkers_cannot_use_are_refused(lj_pair):
    with pytest.raises(ConfigurationError, match="clones of a walker would stay together for ever"):
        replace(lj_pair, integrator_xml=xml(openmm.VerletIntegrator(0.002)))
    with pytest.raises(ConfigurationError, match="its steps have no fixed duration"):
        replace(lj_pair, integrator_xml=xml(openmm.VariableLangevinIntegrator(300.0, 1.0, 1e-3)))


def test_a_thermostat_makes_a_plain_integrator_stochastic(lj_pair):
    system = openmm.XmlSerializer.deserialize(lj_pair.system_xml)
    system.addForce(openmm.AndersenThermostat(300.0, 500.0))
    engine = replace(lj_pair, system_xml=xml(system), integrator_xml=xml(openmm.VerletIntegrator(0.002)))
    pair = np.array([[0.0, 0.0, 0.0], [0.4, 0.0, 0.0]])
    begin = engine.prepare(PREPARATION, positions=pair, minimise=False, temperature=300.0)
    first, second, again = (engine.run(begin, 20, stream(walker)) for walker in (0, 1, 0))
    assert bits(first) == bits(again)
    assert bits(first) != bits(second)
    with pytest.raises(ConfigurationError, match="VerletIntegrator has no temperature to draw velocities from"):
        engine.run({"positions": pair}, 5, stream())


def test_without_openmm_the_error_names_the_extra():
    program = (
        "import sys; sys.modules['openmm'] = None\n"
        "from wepy.engine import OpenMM\n"
        "from wepy.errors import ConfigurationError\n"
        "try:\n    OpenMM(system_xml='', integrator_xml='')\n"
        "except ConfigurationError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'wepy-ensemble[openmm]'" in done.stdout


def test_importing_the_engines_does_not_import_openmm():
    program = "import sys, wepy.engine; print('openmm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
