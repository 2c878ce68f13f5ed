"""The chemical elements: atomic numbers and masses of the atoms of a topology that has only their symbols."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.topology import atom_count

_SYMBOLS = (  # noqa: SIM905
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb "
    "Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
    "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db "
    "Sg Bh Hs Mt Ds Rg Uub Uut Uuq Uup Uuh "
).split()
_MASSES = (
    1.00795,
    4.003,
    6.9412,
    9.01218,
    10.8117,
    12.0108,
    14.0067,
    15.9994,
    18.9984,
    20.1798,
    22.9898,
    24.3051,
    26.9815,
    28.0855,
    30.9738,
    32.0655,
    35.4532,
    39.9481,
    39.0983,
    40.0784,
    44.9559,
    47.8671,
    50.9415,
    51.9962,
    54.938,
    55.8452,
    58.9332,
    58.6934,
    63.5463,
    65.4094,
    69.7231,
    72.641,
    74.9216,
    78.963,
    79.9041,
    83.7982,
    85.4678,
    87.621,
    88.9059,
    91.2242,
    92.9064,
    95.942,
    98,
    101.072,
    102.906,
    106.421,
    107.868,
    112.412,
    114.818,
    118.711,
    121.76,
    127.603,
    126.904,
    131.294,
    132.905,
    137.328,
    138.905,
    140.116,
    140.908,
    144.242,
    145,
    150.362,
    151.964,
    157.253,
    158.925,
    162.5,
    164.93,
    167.259,
    168.934,
    173.043,
    174.967,
    178.492,
    180.948,
    183.841,
    186.207,
    190.233,
    192.217,
    195.085,
    196.967,
    200.592,
    204.383,
    207.21,
    208.98,
    209,
    210,
    222.018,
    223,
    226,
    227,
    232.038,
    231.036,
    238.029,
    237,
    244,
    243,
    247,
    247,
    251,
    252,
    257,
    258,
    259,
    262,
    261,
    262,
    266,
    264,
    269,
    268,
    281,
    272,
    285,
    284,
    289,
    288,
    292,
)  # u


def particles_of(topology: str) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return atomic numbers and masses (u) of a topology's atoms, in its order; 0 for those that are no element.

    Parameters
    ----------
    topology : str
        In mdtraj's JSON layout.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> atom = {"index": 0, "name": "CA", "element": "C"}
    >>> residue = {"index": 0, "name": "ALA", "atoms": [atom]}
    >>> numbers, masses = particles_of(json.dumps({"chains": [{"index": 0, "residues": [residue]}], "bonds": []}))
    >>> numbers.tolist(), masses.tolist()
    ([6], [12.0108])
    """
    raw = json.loads(topology)
    atom_count(raw)
    symbols = [
        str(atom["element"]).lower()
        for chain in sorted(raw["chains"], key=lambda one: one["index"])
        for residue in sorted(chain["residues"], key=lambda one: one["index"])
        for atom in sorted(residue["atoms"], key=lambda one: one["index"])
    ]
    number = {symbol.lower(): place for place, symbol in enumerate(_SYMBOLS, start=1)}
    species = np.array([number.get(symbol, 0) for symbol in symbols], np.int32)
    return species, np.array([0.0, *_MASSES])[species]
