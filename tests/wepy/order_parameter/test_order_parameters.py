"""What order parameters return, on made-up frames and against plain formulas."""

import json
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy.errors import ConfigurationError, SegmentError
from wepy.order_parameter import RMSD, Coordinates, Dihedral, Distance, MinimumDistance
from wepy.protocols import Frames

TRICLINIC = np.array([[3.0, 0.0, 0.0], [1.0, 2.8, 0.0], [-1.2, 0.9, 2.5]])


def frames_of(positions, box=None):
    positions = np.asarray(positions, np.float64)
    count = len(positions)
    boxes = None if box is None else np.broadcast_to(box, (count, 3, 3)).copy()
    return Frames(positions=positions, step=np.arange(1, count + 1), time=np.arange(count) * 0.1, box=boxes)


def random_frames(seed, n_frames=3, n_atoms=8, box=None, spread=2.0):
    return frames_of(np.random.default_rng(seed).uniform(0, spread, (n_frames, n_atoms, 3)), box)


def nearest(displacement, box):
    """Return the shortest of all images of a displacement, by trying them."""
    shifts = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ box
    return np.linalg.norm(displacement + shifts, axis=1).min()


REFERENCE = np.random.default_rng(5).uniform(0, 1, (8, 3))
EVERY = [
    Coordinates(indices=(0, 4)),
    Distance(pairs=[(0, 5), [7, 1]]),
    MinimumDistance(group_a=(0, 1), group_b=(6, 7)),
    Dihedral(atoms=[[4, 6, 1, 3]]),
    RMSD(REFERENCE, atoms=(0, 1, 2, 5)),
    RMSD(REFERENCE, atoms=(6, 7), superpose_atoms=(0, 1, 2, 3)),
]


@pytest.mark.parametrize("order_parameter", EVERY, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("box", [None, TRICLINIC], ids=["open", "periodic"])
def test_features_have_a_row_a_frame_and_a_column_a_label(order_parameter, box):
    frames = random_frames(1, box=box)
    found = order_parameter(frames)
    assert found.shape == (3, len(order_parameter.labels))
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
    single = [order_parameter(frames_of(frames.positions[i : i + 1], box)) for i in range(3)]
    np.testing.assert_allclose(np.concatenate(single), found, rtol=1e-6)


@pytest.mark.parametrize("order_parameter", EVERY, ids=lambda value: type(value).__name__)
def test_order_parameter_pickles_and_describes_itself(order_parameter):
    copy = pickle.loads(pickle.dumps(order_parameter))
    frames = random_frames(2)
    assert copy(frames).tobytes() == order_parameter(frames).tobytes()
    description = order_parameter.describe()
    assert json.loads(json.dumps(description)) == description == copy.describe()
    assert description["kind"] == type(order_parameter).__name__
    assert isinstance(order_parameter.unit, str)


@pytest.mark.parametrize("order_parameter", EVERY, ids=lambda value: type(value).__name__)
def test_atom_that_is_not_there_is_named(order_parameter):
    with pytest.raises(ConfigurationError, match=r"no (atom|coordinate) \d"):
        order_parameter(random_frames(1, n_atoms=1))


@pytest.mark.parametrize("order_parameter", EVERY, ids=lambda value: type(value).__name__)
def test_frames_that_are_not_numbers_are_refused(order_parameter):
    positions = random_frames(1).positions.copy()
    positions[1] = np.nan
    with pytest.raises(SegmentError, match=r"expected finite numbers, found .* in frame 1"):
        order_parameter(frames_of(positions))


@given(st.integers(0, 2**32), st.sampled_from([0.0, 1e3]))
def test_distance_is_that_of_pythagoras_far_from_the_origin_too(seed, away):
    frames = random_frames(seed)
    found = Distance(pairs=[(0, 5), (7, 1)])(frames_of(frames.positions + away))
    for column, (i, j) in enumerate([(0, 5), (7, 1)]):
        exact = np.linalg.norm(frames.positions[:, i] - frames.positions[:, j], axis=1)
        np.testing.assert_allclose(found[:, column], exact, rtol=2e-6, atol=1e-6)


@given(st.integers(0, 2**32), st.lists(st.integers(-2, 2), min_size=3, max_size=3))
def test_distance_in_a_box_is_that_of_the_nearest_image(seed, images):
    positions = random_frames(seed, n_frames=2).positions.copy()
    positions[:, 3] += np.array(images) @ TRICLINIC
    found = Distance(pairs=[(3, 4)])(frames_of(positions, TRICLINIC))[:, 0]
    exact = [nearest(away, TRICLINIC) for away in positions[:, 4] - positions[:, 3]]
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-5)


@given(st.integers(0, 2**32))
def test_minimum_distance_is_the_smallest_of_all_pairs(seed):
    frames = random_frames(seed)
    pairs = [(a, b) for a in (0, 2, 5) for b in (7, 1)]
    smallest = Distance(pairs=pairs)(frames).min(axis=1)
    found = MinimumDistance(group_a=(0, 2, 5), group_b=(7, 1))(frames)
    np.testing.assert_allclose(found[:, 0], smallest, rtol=1e-5, atol=1e-6)


def four_atoms(angle):
    return [[0.1, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.15], [0.1 * math.cos(angle), 0.1 * math.sin(angle), 0.15]]


@given(st.floats(-3.1, 3.1), st.booleans())
def test_dihedral_is_the_angle_the_atoms_were_built_with(angle, periodic):
    positions = np.array([four_atoms(angle)])
    if periodic:
        positions[:, 2:] += TRICLINIC[1] - TRICLINIC[2]
    found = Dihedral(atoms=[(0, 1, 2, 3)])(frames_of(positions, TRICLINIC if periodic else None))
    assert found[0, 0] == pytest.approx(angle, abs=2e-5)


@pytest.mark.parametrize("angle", [math.pi, -math.pi, np.nextafter(math.pi, 4), -math.pi + 1e-9])
def test_dihedral_at_half_a_turn_is_plus_pi(angle):
    found = Dihedral(atoms=[(0, 1, 2, 3)], labels=["phi"])(frames_of([four_atoms(angle)]))[0, 0]
    assert -math.pi < found <= math.pi
    assert abs(found) == pytest.approx(math.pi, abs=1e-6)


def turned(positions, seed):
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    return positions @ turn + rng.normal(size=3)


@given(st.integers(0, 2**32))
def test_rmsd_does_not_see_rotation_and_translation(seed):
    bent = REFERENCE + np.random.default_rng(seed).normal(0, 0.05, REFERENCE.shape)
    feature = RMSD(REFERENCE, atoms=range(8))
    still, moved = feature(frames_of([turned(REFERENCE, seed)])), feature(frames_of([turned(bent, seed)]))
    assert still[0, 0] == pytest.approx(0.0, abs=1e-4)
    assert moved[0, 0] == pytest.approx(feature(frames_of([bent]))[0, 0], abs=1e-4)


@given(st.integers(0, 2**32))
def test_rmsd_is_that_of_mdtraj(seed):
    import mdtraj

    frames = random_frames(seed)
    atoms = [0, 2, 3, 6, 7]
    found = RMSD(REFERENCE, atoms=atoms)(frames)[:, 0]
    target, reference = (mdtraj.Trajectory(xyz, None) for xyz in (frames.positions, REFERENCE[None]))
    np.testing.assert_allclose(found, mdtraj.rmsd(target, reference, atom_indices=np.array(atoms)), atol=1e-4)


@given(st.integers(0, 2**32), st.floats(0.01, 2.0))
def test_rmsd_of_a_ligand_counts_its_displacement_from_the_superposed_receptor(seed, far):
    moved = REFERENCE.copy()
    moved[6:, 0] += far
    found = RMSD(REFERENCE, atoms=(6, 7), superpose_atoms=(0, 1, 2, 3, 4))(frames_of([turned(moved, seed)]))
    assert found[0, 0] == pytest.approx(far, abs=1e-4)


def test_rmsd_puts_atoms_of_a_box_at_the_nearest_image():
    box = 3.0 * np.eye(3)
    split = REFERENCE.copy()
    split[3:] += [3.0, -6.0, 0.0]
    split[6:] += [0.0, 0.0, 9.0]
    feature = RMSD(REFERENCE, atoms=(6, 7), superpose_atoms=(0, 1, 2, 3, 4))
    assert feature(frames_of([split], box))[0, 0] == pytest.approx(0.0, abs=1e-5)
    assert feature(frames_of([split]))[0, 0] > 1.0


def test_rmsd_reads_its_reference_from_a_pdb_file(tmp_path):
    path = tmp_path / "three.pdb"
    row = "ATOM  {0:5d}  C{0:<2d} LIG A   1    {1:8.3f}{2:8.3f}{3:8.3f}  1.00  0.00           C  \n"
    path.write_text("".join(row.format(i + 1, *xyz) for i, xyz in enumerate(10 * REFERENCE[:4])) + "END\n")
    feature = RMSD(str(path), atoms=(0, 1, 2, 3))
    np.testing.assert_allclose(feature.reference, REFERENCE[:4], atol=1e-4)
    assert feature(frames_of([REFERENCE[:4]]))[0, 0] < 1e-4
    with pytest.raises(ConfigurationError, match="RMSD: reference: cannot read"):
        RMSD(tmp_path / "none.pdb", atoms=(0, 1, 2))


def test_coordinates_are_taken_as_they_are():
    frames = random_frames(3)
    found = Coordinates(indices=(5, 0), labels=("z1", "x0"), unit="nm")(frames)
    assert found[:, 0].tobytes() == frames.positions[:, 1, 2].tobytes()
    assert found[:, 1].tobytes() == frames.positions[:, 0, 0].tobytes()
    assert Coordinates().labels == ("x0",)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Coordinates(indices=()), "Coordinates: indices: expected indices"),
        (lambda: Coordinates(indices=(0, 1), labels=("a",)), "labels: expected 2 names, found 1"),
        (lambda: Distance(pairs=[(0, 1, 2)]), r"Distance: pairs\[0\]: expected 2 atom indices, found 3"),
        (lambda: Distance(pairs=[(0, 0)]), r"Distance: pairs\[0\]: expected distinct indices"),
        (lambda: MinimumDistance(group_a=(0, 1), group_b=(1,)), r"without common atoms, found \[1\] in both"),
        (lambda: Dihedral(atoms=[[0, 1, 2]]), r"Dihedral: atoms\[0\]: expected 4"),
        (lambda: RMSD(REFERENCE, atoms=(0, 1)), "superpose_atoms: expected at least 3 atoms, found 2"),
        (lambda: RMSD(REFERENCE, atoms=(0, 1, 8)), "RMSD: reference: no atom 8: frames have atoms 0 to 7"),
        (lambda: RMSD(REFERENCE[0], atoms=(0, 1, 2)), r"of shape \(n_atoms, 3\), found shape \(3,\)"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_without_mdtraj_the_error_names_the_extra():
    program = (
        "import sys; sys.modules['mdtraj'] = None\n"
        "import numpy as np\n"
        "from wepy.order_parameter import Distance\n"
        "from wepy.protocols import Frames\n"
        "one = Frames(positions=np.zeros((1, 2, 3)), step=np.array([1]), time=np.zeros(1))\n"
        "try:\n    Distance(pairs=[(0, 1)])(one)\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert "ConfigurationError this order parameter needs mdtraj: pip install 'wepy-ensemble[md]'" in done.stdout


def test_importing_order_parameters_does_not_import_mdtraj():
    program = "import sys, wepy.order_parameter; print('mdtraj' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
