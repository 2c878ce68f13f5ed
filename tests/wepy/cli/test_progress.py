"""The progress of a run, in a terminal and elsewhere."""

import io

import numpy as np

import wepy
from wepy.cli.progress import RunProgress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def shown(stream, cycles, total=None):
    simulation = wepy.Simulation(
        engine=wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3),
        order_parameter=wepy.Coordinates(labels=("x",)),
        recycling=wepy.Recycling(wepy.Region([-0.9])),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=4,
        steps=10,
        seed=1,
    )
    with RunProgress(total or cycles, ("x",), stream) as progress:
        for cycle in simulation.run(cycles=cycles):
            progress.update(cycle)
    return stream.getvalue()


def test_without_a_terminal_there_are_a_few_plain_lines():
    lines = shown(io.StringIO(), 40).splitlines()
    assert 10 <= len(lines) <= 13
    assert lines[0].startswith("1 of 40 cycles: 4 walkers, x -")
    assert lines[0].endswith("s left")
    assert lines[-1].startswith("40 of 40 cycles: ")
    assert not lines[-1].endswith("left")
    assert "weight arrived" in lines[-1]
    assert all(line.isprintable() for line in lines)


def test_in_a_terminal_there_is_a_bar():
    text = shown(Terminal(), 3)
    assert "3/3" in text
    assert "4 walkers" in text


def test_a_run_that_stops_early_closes_the_bar():
    assert "2/5" in shown(Terminal(), 2, total=5)
