"""The biased random walk."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy.engine import RandomWalk
from wepy.errors import ConfigurationError
from wepy.protocols import BatchEngine
from wepy.streams import Purpose, Stream


def streams(count, seed=1):
    return [Stream(seed=seed, purpose=Purpose.DYNAMICS, walker=walker) for walker in range(count)]


def trajectories(engine, n_walkers, steps, seed):
    start = {"x": np.zeros(engine.dimensions)}
    segments = engine.run_batch([start] * n_walkers, steps, streams(n_walkers, seed))
    flat = np.array([segment.frames.positions.reshape(len(segment.frames), -1) for segment in segments])
    return flat[:, :, : engine.dimensions]


@given(st.integers(1, 4), st.floats(0.05, 0.95), st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32))
def test_batch_gives_the_bits_of_one_by_one(dimensions, up, n_walkers, steps, seed):
    engine = RandomWalk(dimensions=dimensions, up=up, stride=3)
    states = [{"x": np.full(dimensions, float(walker % 4))} for walker in range(n_walkers)]
    together = engine.run_batch(states, steps, streams(n_walkers, seed))
    for segment, state, stream in zip(together, states, streams(n_walkers, seed), strict=True):
        alone = engine.run(state, steps, stream)
        assert segment.state["x"].tobytes() == alone.state["x"].tobytes()
        assert segment.frames.positions.tobytes() == alone.frames.positions.tobytes()


@given(st.integers(1, 3), st.integers(1, 50), st.integers(0, 2**32))
def test_walkers_stay_on_the_lattice_and_move_by_one(dimensions, steps, seed):
    x = trajectories(RandomWalk(dimensions=dimensions, stride=1), 3, steps, seed)
    moves = np.diff(x, axis=1, prepend=0.0)
    assert (x >= 0).all()
    assert np.isin(moves, [-1.0, 0.0, 1.0]).all()
    assert (x[moves == 0.0] == 0.0).all()


def test_long_walks_have_the_stationary_distribution():
    x = trajectories(RandomWalk(dimensions=2, stride=20), 300, 2020, seed=3)[:, 1:]
    for place in range(5):
        exact = 2 / 3 * (1 / 3) ** place
        expected = pytest.approx(exact, abs=5 * np.sqrt(exact * (1 - exact) / x.size))
        assert np.mean(x == place) == expected


def test_first_passage_takes_the_exact_mean_time():
    length = 3
    x = trajectories(RandomWalk(stride=1), 600, 1500, seed=5)[:, :, 0]
    assert (x.max(axis=1) >= length).all()
    passage = 1 + np.argmax(x >= length, axis=1)
    exact = 3 ** (length + 1) - 3 - 2 * length
    assert exact == 72
    assert passage.mean() == pytest.approx(exact, abs=4 * passage.std() / np.sqrt(len(passage)))


@pytest.mark.parametrize(
    "setting", [{"dimensions": 0}, {"up": 0.0}, {"up": 1.0}, {"stride": -1}, {"timestep": float("nan")}]
)
def test_settings_out_of_range_are_refused(setting):
    (name,) = setting
    with pytest.raises(ConfigurationError, match=f"RandomWalk: {name}: expected"):
        RandomWalk(**setting)


def test_engine_is_a_value_that_pickles_and_describes_itself():
    engine = RandomWalk(dimensions=5)
    assert pickle.loads(pickle.dumps(engine)) == engine
    assert isinstance(engine, BatchEngine)
    assert engine.describe()["dimensions"] == 5
    assert engine.system.n_atoms == 2
    assert not engine.system.periodic
