"""A run over MPI workers: mpiexec -n 3 python -m mpi4py.futures mpi_run.py STORE."""

import sys

import numpy as np

import wepy


def main(store):
    from mpi4py.futures import MPIPoolExecutor

    run = wepy.Simulation(
        engine=wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=5),
        order_parameter=wepy.Coordinates(labels=("x",)),
        balancer=wepy.HuberKim(6),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=6, steps=10, seed=1, store=store,
        dispatcher=wepy.FromExecutor(MPIPoolExecutor, slots=2) if store.endswith("mpi.h5") else None,
    )  # fmt: skip
    for _ in run.run(cycles=3):
        pass


if __name__ == "__main__":
    main(sys.argv[1])
