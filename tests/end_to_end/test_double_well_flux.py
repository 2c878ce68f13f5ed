"""The flux of the double well against its exact value."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXACT = 4.8158683e-6
"""Weight that arrives per cycle of 5 steps: the discrete-time dynamics' own, by numerical quadrature of its kernel."""

RUNS, PROCESSES = 16, 2
SPREAD = 0.058
"""Relative standard deviation of one run's flux, from 16 runs of an independent program."""


@pytest.mark.slow
def test_mean_flux_of_sixteen_runs_is_the_exact_one():
    program = Path(__file__).with_name("flux_of_runs.py")
    seeds = [[str(seed) for seed in range(first, RUNS, PROCESSES)] for first in range(PROCESSES)]
    started = [
        subprocess.Popen([sys.executable, str(program), *some], stdout=subprocess.PIPE, text=True) for some in seeds
    ]
    lines = [line for process in started for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in started] == [0] * PROCESSES
    flux = np.array([json.loads(line)["flux"] for line in lines])
    assert len(flux) == RUNS
    mean, spread = flux.mean() / EXACT, flux.std(ddof=1) / flux.mean()
    print(f"mean/exact {mean:.4f}, relative standard deviation {spread:.4f}")
    assert abs(mean - 1) < 4 * SPREAD / RUNS**0.5
    # (R - 1) s^2 / sigma^2 is chi-squared: from 16 runs of spread .058, s is above .10 once in 11,000 trials
    assert spread < 0.10


LEAST = {
    "huber-kim": 20, "systematic": 20, "multinomial": 20, "residual": 20, "stratified": 20, "mab": 15,
    "optimal, huber-kim": 50, "optimal, systematic": 60, "wexplore": 0,
}  # fmt: skip
"""Gains that short runs must have: about a third of what long ones have; WExplore is not made for rates."""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", list(LEAST))
def test_every_scheme_is_unbiased_and_gains_what_it_should(scheme):
    """The benchmark's short form: the mean within four standard errors, the gain not out of all proportion."""
    program = Path(__file__).parents[2] / "benchmarks" / "gain.py"
    command = [sys.executable, str(program), scheme, "--runs", "16", "--cycles", "800", "--processes", "1", "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(found)
    assert abs(found["z"]) < 4
    assert found["gain"] > LEAST[scheme]
