"""Dihedral angles of a real molecule."""

from pathlib import Path

import numpy as np
import pytest

from wepy.order_parameter import Dihedral
from wepy.protocols import Frames

PDB = Path(__file__).parents[3] / "examples" / "alanine_dipeptide" / "alanine_dipeptide.pdb"


def test_phi_and_psi_of_alanine_dipeptide_are_those_of_mdtraj():
    mdtraj = pytest.importorskip("mdtraj")
    molecule = mdtraj.load_pdb(str(PDB))
    (phi_atoms, phi), (psi_atoms, psi) = mdtraj.compute_phi(molecule), mdtraj.compute_psi(molecule)
    feature = Dihedral(atoms=[[4, 6, 8, 14], [6, 8, 14, 16]], labels=["phi", "psi"])
    assert [phi_atoms[0].tolist(), psi_atoms[0].tolist()] == [[4, 6, 8, 14], [6, 8, 14, 16]]
    frames = Frames(positions=molecule.xyz.astype(float), step=np.array([1]), time=np.array([0.0]))
    np.testing.assert_allclose(feature(frames), [[phi[0, 0], psi[0, 0]]], atol=1e-5)
    np.testing.assert_allclose(np.degrees(feature(frames)), [[-72.06, -15.98]], atol=0.01)
    assert (feature.labels, feature.unit) == (("phi", "psi"), "rad")
