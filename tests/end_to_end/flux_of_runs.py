"""Program: flux into the right well of the double well, one run for each seed named on the command line."""

import json
import sys

import numpy as np

import wepy

CYCLES, BURN_IN = 4000, 160


def flux(seed):
    """Return the mean weight that arrives in a cycle, after the burn-in."""
    simulation = wepy.Simulation(
        engine=wepy.OverdampedLangevin(wepy.DoubleWell(height=9.0), timestep=1e-3),
        order_parameter=wepy.Coordinates(labels=("x",)),
        binner=wepy.Rectilinear([[-np.inf, *np.linspace(-1.0, 1.0, 21).tolist(), np.inf]]),
        balancer=wepy.HuberKim(10),
        recycling=wepy.Recycling(wepy.Region([1.0])),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=10,
        steps=5,
        seed=seed,
    )
    arrived = [cycle["/events/weight"].sum() for cycle in simulation.run(cycles=CYCLES)]
    return float(np.mean(arrived[BURN_IN:]))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(json.dumps({"seed": int(argument), "flux": flux(int(argument))}), flush=True)
