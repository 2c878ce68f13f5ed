"""Metrics: what must hold for all of them, and what each of them measures."""

import json
import math

import mdtraj
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy.errors import BinningError, ConfigurationError
from wepy.metric import (
    AtomPairs,
    Euclidean,
    LigandRMSD,
    Periodic,
    distance_matrix,
    finite_rows,
    metric_from_description,
)

METRICS = [
    Euclidean(),
    Euclidean(dims=[4, 0], scale=[2.0, 0.5]),
    Euclidean(scale=3),
    Periodic(2 * math.pi),
    Periodic([1.0, math.inf], dims=[1, 2]),
    AtomPairs([(0, 1), (2, 5), (3, 4)], first=1),
    LigandRMSD(ligand=[0, 5], receptor=[1, 2, 3, 4], first=1),
    LigandRMSD(ligand=range(6), receptor=range(6)),
]
of_each = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: str(metric.describe()))


def points(n, seed=0, n_dims=19):
    return np.random.default_rng(seed).normal(0.0, 2.0, (n, n_dims))


def between(metric, a, b):
    return metric.between(metric.images(a), metric.images(b))


@of_each
def test_distances_are_symmetric_and_zero_from_oneself(metric):
    a = points(7)
    found = between(metric, a, a)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(found), 0.0, atol=1e-12)
    assert (found[~np.eye(7, dtype=bool)] > 0.01).all()
    for one, other, third in [(0, 1, 2), (3, 4, 5)]:
        assert found[one, third] <= found[one, other] + found[other, third] + 1e-12


@of_each
def test_many_at_once_are_the_same_as_one_by_one(metric, monkeypatch):
    for module in ("euclidean", "ligand_rmsd", "superposition"):
        monkeypatch.setattr(f"wepy.metric.{module}._AT_ONCE", 40)
    a, b = points(9), points(13, seed=1)
    one_by_one = [[between(metric, x[None], y[None])[0, 0] for y in b] for x in a]
    np.testing.assert_allclose(between(metric, a, b), one_by_one, rtol=1e-12)


@of_each
def test_a_matrix_is_symmetric_to_the_bit(metric, monkeypatch):
    monkeypatch.setattr("wepy.metric.matrix._ROWS", 4)
    a = points(11)
    found = distance_matrix(metric, a)
    assert (found == found.T).all()
    assert (np.diag(found) == 0).all()
    np.testing.assert_allclose(found, between(metric, a, a), atol=1e-12)


@of_each
def test_near_points_have_all_their_digits(metric):
    a = points(1)
    away = np.zeros_like(a)
    away[0, 1:] = points(1, seed=3)[0, 1:] * 1e-9
    near, far = between(metric, a, a + away)[0, 0], between(metric, a, a + 1e3 * away)[0, 0]
    assert near == pytest.approx(far / 1e3, rel=1e-4)


@of_each
def test_a_metric_can_be_made_from_its_description(metric):
    text = json.dumps(metric.describe(), allow_nan=False)
    again = metric_from_description(json.loads(text))
    assert again == metric
    assert hash(again) == hash(metric)


def rotations(angles):
    x, y, z = angles
    about_x = [[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]]
    about_y = [[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]]
    about_z = [[math.cos(z), -math.sin(z), 0], [math.sin(z), math.cos(z), 0], [0, 0, 1]]
    return np.array(about_x) @ np.array(about_y) @ np.array(about_z)


three = st.tuples(*[st.floats(-5.0, 5.0)] * 3)


@given(st.sampled_from([METRICS[5], METRICS[6]]), three, three, st.integers(0, 10**6))
def test_moving_a_whole_molecule_changes_nothing(metric, angles, shift, seed):
    a, b = points(3, seed), points(4, seed + 1)
    moved = a.copy()
    moved[:, 1:] = (a[:, 1:].reshape(-1, 3) @ rotations(angles).T + np.array(shift)).reshape(3, -1)
    np.testing.assert_allclose(between(metric, moved, b), between(metric, a, b), atol=1e-10)
    np.testing.assert_allclose(np.diag(between(metric, moved, a)), 0.0, atol=1e-10)


@given(st.integers(-3, 3), st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
def test_whole_turns_change_nothing(turns, a, b):
    metric = Periodic(2 * math.pi)
    found = between(metric, np.array([[a]]), np.array([[b + 2 * math.pi * turns]]))[0, 0]
    assert found == pytest.approx(abs(math.remainder(a - b, 2 * math.pi)), abs=1e-9)


def test_periods_of_infinity_are_no_periods():
    a, b = points(5), points(6, seed=1)
    np.testing.assert_allclose(between(Periodic(math.inf), a, b), between(Euclidean(), a, b), rtol=1e-14)


def test_pairs_of_atoms_are_root_mean_square_differences():
    a, b = points(2, n_dims=18).reshape(2, 6, 3)
    pairs = [(0, 1), (2, 5), (3, 4)]
    differences = [np.linalg.norm(a[i] - a[j]) - np.linalg.norm(b[i] - b[j]) for i, j in pairs]
    found = between(AtomPairs(pairs), a.reshape(1, -1), b.reshape(1, -1))[0, 0]
    assert found == pytest.approx(math.sqrt(np.mean(np.square(differences))), rel=1e-12)


def test_a_ligands_distance_is_that_of_mdtraj():
    random = np.random.default_rng(2)
    frame = random.normal(0.0, 1.0, (12, 3))
    positions = frame + random.normal(0.0, 0.1, (8, 12, 3))
    positions[4:] = positions[4:] @ rotations((2.0, -1.0, 3.0)).T + 2.0
    positions[6:, :, 0] *= -1.0  # mirror images: a reflection would superpose them
    receptor, ligand = np.arange(7), np.arange(7, 12)
    found = between(LigandRMSD(ligand, receptor), positions.reshape(8, -1), positions.reshape(8, -1))
    for one in range(8):
        moved = mdtraj.Trajectory(positions.astype(np.float32), None)
        fixed = mdtraj.Trajectory(positions[one : one + 1].astype(np.float32), None)
        moved.superpose(fixed, atom_indices=receptor)
        away = moved.xyz[:, ligand].astype(np.float64) - fixed.xyz[:, ligand]
        np.testing.assert_allclose(found[one], np.sqrt((away**2).sum(axis=2).mean(axis=1)), atol=2e-5)
    whole = between(LigandRMSD(range(12), range(12)), positions.reshape(8, -1), positions.reshape(8, -1))
    molecule = mdtraj.Trajectory(positions.astype(np.float32), None)
    np.testing.assert_allclose(whole[0], mdtraj.rmsd(molecule, molecule, 0), atol=2e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Euclidean(dims=[0, 0]), r"Euclidean: dims: expected distinct whole numbers from 0, found \[0, 0\]"),
        (lambda: Euclidean(dims="0"), "Euclidean: dims"),
        (lambda: Euclidean(scale=0.0), "Euclidean: scale: expected a positive number"),
        (lambda: Euclidean(dims=[0, 1], scale=[1.0]), "scale: expected 2 numbers, one for each of dims, found 1"),
        (lambda: Periodic("long"), "Periodic: period"),
        (lambda: Periodic([[1.0]]), "Periodic: period"),
        (lambda: AtomPairs([(0, 1, 2)]), "AtomPairs: pairs: expected a list of two atoms each"),
        (lambda: AtomPairs([]), "AtomPairs: pairs"),
        (lambda: AtomPairs([(0, 0)]), r"AtomPairs: pairs\[0\]"),
        (lambda: LigandRMSD([0], [1, 2]), "receptor: expected at least 3 atoms"),
        (lambda: LigandRMSD([0], [1, 2, 3], first=-1), "LigandRMSD: first"),
        (lambda: Euclidean(dims=[3]).images(points(2, n_dims=3)), "no dimension 3: .* dimensions 0 to 2"),
        (lambda: Euclidean(scale=[1.0, 2.0]).images(points(2, n_dims=3)), "scale: expected 3 numbers"),
        (lambda: Periodic([1.0, 2.0]).images(points(2, n_dims=3)), "period: expected 3 numbers"),
        (lambda: AtomPairs([(0, 1)]).images(points(2, n_dims=5)), "AtomPairs: no dimension 5"),
        (lambda: LigandRMSD([0], [1, 2, 3]).images(points(2, n_dims=11)), "LigandRMSD: no dimension 11"),
        (lambda: Euclidean().images(np.zeros(3)), r"expected order parameters of shape \(n_walkers, n_dims\)"),
        (lambda: metric_from_description({"kind": "taxicab"}), "expected one of the kinds"),
        (lambda: metric_from_description({"kind": "periodic"}), "metric periodic: missing or unknown settings"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_named(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_all_walkers_that_are_not_finite_are_named():
    values = np.zeros((4, 2))
    values[1, 0], values[3, 1] = np.nan, np.inf
    with pytest.raises(BinningError, match=r"walker 1: \[nan, 0.0\]\n  walker 3: \[0.0, inf\]"):
        finite_rows(values)
    assert finite_rows(np.zeros((4, 2))).shape == (4, 2)
