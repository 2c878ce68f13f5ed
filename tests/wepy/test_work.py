"""Dynamics and order parameter of some walkers, as they run on a worker."""

import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wepy
from wepy.errors import SegmentError
from wepy.protocols import Frames, Segment
from wepy.storage import Kept
from wepy.streams import Purpose, Stream
from wepy.work import Work, in_words, tasks

ENGINE = wepy.OverdampedLangevin(wepy.DoubleWell(), timestep=1e-3, stride=2)


def streams(count):
    return [Stream(5, Purpose.DYNAMICS, 3, walker) for walker in range(count)]


def states(count):
    return [{"x": np.array([-1.0 + 0.1 * walker])} for walker in range(count)]


class OneByOne:
    """An engine that cannot batch: an overdamped walker at a time."""

    def run(self, state, steps, stream):
        return ENGINE.run(state, steps, stream)


@given(st.integers(1, 12), st.integers(1, 5))
def test_results_do_not_depend_on_how_walkers_are_grouped(count, slots):
    work = Work(ENGINE, wepy.Coordinates())
    alone = [work(task) for task in tasks(states(count), streams(count), 5, OneByOne(), slots)]
    grouped = [work(task) for task in tasks(states(count), streams(count), 5, ENGINE, slots)]
    assert len(alone) == count
    assert len(grouped) == min(slots, count)
    a, b = ([result for results in some for result in results] for some in (alone, grouped))
    assert [result.walker for result in a] == [result.walker for result in b] == list(range(count))
    for mine, other in zip(a, b, strict=True):
        assert mine.state["x"].tobytes() == other.state["x"].tobytes()
        assert mine.order_parameter.tobytes() == other.order_parameter.tobytes()
        assert mine.frames.positions.tobytes() == other.frames.positions.tobytes()


def test_no_walkers_make_no_tasks():
    assert tasks([], [], 5, ENGINE, 3) == []


def test_work_survives_pickling_and_says_who_did_it():
    work = pickle.loads(pickle.dumps(Work(ENGINE, wepy.Coordinates())))
    (task,) = tasks(states(2), streams(2), 5, ENGINE, 1)
    results = pickle.loads(pickle.dumps(work(task)))
    assert [result.worker.pid for result in results] == [os.getpid()] * 2
    assert [len(result.frames) for result in results] == [3, 3]
    assert all(result.wall_time >= 0 and result.cpu_time >= 0 for result in results)


class OnToy(wepy.RandomWalk):
    """An engine that says what it has computed on, once it has."""

    platform = ""

    def run(self, state, steps, stream):
        object.__setattr__(self, "platform", "abacus")
        return super().run(state, steps, stream)

    @property
    def platform_in_use(self):
        return self.platform


def test_results_say_what_the_engine_computed_on_if_it_says():
    (task,) = tasks(states(1), streams(1), 5, OneByOne(), 1)
    assert [result.platform for result in Work(ENGINE, wepy.Coordinates())(task)] == [""]
    assert [result.platform for result in Work(OnToy(), wepy.Coordinates())(task)] == ["abacus"]


def test_a_platform_that_is_no_text_is_refused():
    class Unsure(wepy.RandomWalk):
        platform_in_use = None

    (task,) = tasks(states(1), streams(1), 5, OneByOne(), 1)
    with pytest.raises(SegmentError, match="cycle 3, walker 0: engine: platform_in_use: expected a text, got None"):
        Work(Unsure(), wepy.Coordinates())(task)


def test_a_wrong_shape_names_cycle_and_walker():
    (task,) = tasks(states(1), streams(1), 5, ENGINE, 1)
    with pytest.raises(SegmentError, match=r"cycle 3, walker 0: order parameter: .*no coordinate 7"):
        Work(ENGINE, wepy.Coordinates(indices=(7,)))(task)


def test_an_engine_that_loses_a_walker_is_found_out():
    class Lossy(wepy.RandomWalk):
        def run_batch(self, states, steps, streams):
            return super().run_batch(states, steps, streams)[1:]

    engine = Lossy()
    (task,) = tasks(states(3), streams(3), 5, engine, 1)
    with pytest.raises(SegmentError, match="cycle 3: engine: expected 3 segments, got 2"):
        Work(engine, wepy.Coordinates())(task)


def test_words_of_an_error():
    assert in_words(SegmentError("too hot")) == "too hot"
    assert in_words(KeyError("x")) == "KeyError: 'x'"


class Wrong:
    """An engine with velocities, a box and an observable, of which one is changed for walker 1."""

    def __init__(self, name, value):
        self._name, self._value = name, value

    def run(self, state, steps, stream):
        arrays = {
            "positions": np.zeros((1, 2, 3)), "velocities": np.zeros((1, 2, 3)), "box": np.eye(3)[np.newaxis],
            "energy": np.zeros(1),
        }  # fmt: skip
        if stream.walker == 1:
            arrays[self._name].flat[-1] = self._value
        energy = {"energy": arrays.pop("energy")}
        frames = Frames(step=np.array([steps]), time=np.ones(1), **arrays)
        return Segment(state={"x": np.zeros(1)}, frames=frames, observables=energy)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["positions", "velocities", "box", "energy"])
def test_what_is_no_number_names_walker_and_array(name, value):
    engine = Wrong(name, value)
    _, task = tasks(states(2), streams(2), 5, engine, 2)
    word = {"positions": "frames", "energy": "observable energy"}.get(name, name)
    with pytest.raises(
        SegmentError, match=rf"^cycle 3, walker 1: engine: expected finite numbers, got others in {word}$"
    ):
        Work(engine, wepy.Coordinates())(task)


@pytest.mark.parametrize("value", [1e39, -1e39])
@pytest.mark.parametrize("name", ["positions", "velocities", "box"])
def test_numbers_too_large_for_the_file_name_walker_and_array(name, value):
    engine = Wrong(name, value)
    _, task = tasks(states(2), streams(2), 5, engine, 2)
    with pytest.raises(SegmentError, match=rf"^cycle 3, walker 1: {name} of up to 1e\+39 in frame 0: "):
        Work(engine, wepy.Coordinates())(task)


def test_what_is_not_kept_may_be_as_large_as_it_likes():
    engine = Wrong("velocities", 1e39)
    _, task = tasks(states(2), streams(2), 5, engine, 2)
    (result,) = Work(engine, wepy.Coordinates(), Kept(velocities=False))(task)
    assert result.frames.velocities is None
