"""Small simulations of real engines, made anew for each test."""

import numpy as np
import pytest

import wepy


@pytest.fixture(scope="session")
def double_well():
    """Return a maker of short double-well simulations that recycle often: a low barrier, a near target."""

    def make(**changes):
        settings = {
            "engine": wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=4),
            "order_parameter": wepy.Coordinates(labels=("x",)),
            "binner": wepy.Rectilinear([[-np.inf, *np.linspace(-1.0, 0.4, 8).tolist(), np.inf]]),
            "balancer": wepy.HuberKim(4),
            "recycling": wepy.Recycling(wepy.Region([0.2])),
            "states": [wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
            "walkers": 6,
            "steps": 10,
            "seed": 1,
        }
        return wepy.Simulation(**(settings | changes))

    return make


@pytest.fixture
def walk():
    """Return a maker of two-dimensional random walks without recycling."""

    def make(**changes):
        settings = {
            "engine": wepy.RandomWalk(dimensions=2),
            "order_parameter": wepy.Coordinates(indices=(0, 1), labels=("a", "b")),
            "binner": wepy.Rectilinear([[-0.5, 0.5, 1.5, 2.5, np.inf], [-np.inf, 1.5, np.inf]]),
            "balancer": wepy.HuberKim(3),
            "states": [wepy.StartState(label="origin", arrays={"x": np.zeros(2)})],
            "walkers": 5,
            "steps": 3,
            "seed": 7,
        }
        return wepy.Simulation(**(settings | changes))

    return make


@pytest.fixture
def argon():
    """Return a maker of simulations of two argon atoms in a periodic box, with velocities and energies kept."""

    def make(**changes):
        import openmm
        from openmm import unit

        system = openmm.System()
        force = openmm.NonbondedForce()
        force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
        force.setCutoffDistance(0.9 * unit.nanometer)
        for _ in range(2):
            system.addParticle(39.9)
            force.addParticle(0.0, 0.34, 1.0)
        system.addForce(force)
        system.setDefaultPeriodicBoxVectors((2.0, 0, 0), (0, 2.0, 0), (0.5, 0, 1.9))
        integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.002)
        engine = wepy.OpenMM(
            system_xml=openmm.XmlSerializer.serialize(system),
            integrator_xml=openmm.XmlSerializer.serialize(integrator),
            stride=3,
            keep_velocities=True,
            observables=("potential_energy", "kinetic_energy"),
        )
        settings = {
            "engine": engine,
            "order_parameter": wepy.Distance([(0, 1)]),
            "binner": wepy.Rectilinear([[0.0, 0.4, 0.5, np.inf]]),
            "balancer": wepy.HuberKim(3),
            "states": [wepy.StartState(label="pair", arrays={"positions": np.array([[0.1, 0, 0], [0.5, 0, 0]])})],
            "walkers": 3,
            "steps": 10,
            "seed": 3,
        }
        return wepy.Simulation(**(settings | changes))

    return make
