"""Topologies as mdtraj's JSON text."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from wepy.engine.topology import element_symbols, openmm_topology, particle_topology

PDB = Path(__file__).parents[3] / "examples" / "alanine_dipeptide" / "alanine_dipeptide.pdb"


def read_by_mdtraj(text, tmp_path):
    """Let mdtraj's own HDF5 reader read a topology."""
    from mdtraj.formats import HDF5TrajectoryFile

    tables = pytest.importorskip("tables")
    path = tmp_path / "topology.h5"
    with tables.open_file(str(path), "w") as file:
        file.create_array("/", "topology", obj=[text.encode("ascii")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with HDF5TrajectoryFile(str(path)) as file:
            return file.topology


def test_mdtraj_reads_an_openmm_topology_as_it_would_convert_it(tmp_path):
    import mdtraj
    from openmm.app import PDBFile

    topology = PDBFile(str(PDB)).topology
    found = read_by_mdtraj(openmm_topology(topology), tmp_path)
    expected = mdtraj.Topology.from_openmm(topology)
    assert found == expected
    assert [str(atom) for atom in found.atoms] == [str(atom) for atom in expected.atoms]
    assert [chain.chain_id for chain in found.chains] == [chain.chain_id for chain in expected.chains]
    assert found.n_bonds == 21


def test_virtual_sites_and_odd_residue_numbers_survive(tmp_path):
    from openmm.app import Topology, element

    topology = Topology()
    residue = topology.addResidue("HOH", topology.addChain("W"), id="A000")
    oxygen = topology.addAtom("O", element.oxygen, residue)
    site = topology.addAtom("M", None, residue)
    topology.addBond(oxygen, site)
    text = openmm_topology(topology)
    found = read_by_mdtraj(text, tmp_path)
    assert [atom.element.symbol for atom in found.atoms] == ["O", "VS"] == element_symbols(text)
    assert found.residue(0).resSeq == 0


def test_mdtraj_reads_particles_without_bonds(tmp_path):
    text = particle_topology(4)
    found = read_by_mdtraj(text, tmp_path)
    assert (found.n_atoms, found.n_residues, found.n_chains, found.n_bonds) == (4, 4, 1, 0)
    assert element_symbols(text) == ["VS"] * 4
    assert set(json.loads(text)) == {"chains", "bonds"}


def test_particles_make_a_trajectory(tmp_path):
    import mdtraj

    topology = read_by_mdtraj(particle_topology(2), tmp_path)
    assert mdtraj.Trajectory(np.zeros((3, 2, 3)), topology).n_frames == 3
