"""Topologies of some of a system's atoms."""

from pathlib import Path

import mdtraj
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wepy_data.query.topology import topology_from_json, topology_subset

PDB = Path(__file__).resolve().parents[3] / "examples" / "alanine_dipeptide" / "alanine_dipeptide.pdb"


def test_subset_is_the_one_that_mdtraj_makes():
    openmm_app = __import__("openmm.app", fromlist=["app"])
    from wepy.engine.topology import openmm_topology

    text = openmm_topology(openmm_app.PDBFile(str(PDB)).topology)
    whole = topology_from_json(text)
    assert whole.n_atoms == mdtraj.load(str(PDB)).n_atoms

    @given(st.sets(st.integers(0, whole.n_atoms - 1), min_size=1))
    def same(atoms):
        chosen = np.array(sorted(atoms))
        assert topology_from_json(topology_subset(text, chosen.tolist())) == whole.subset(chosen)

    same()
