"""The rotations that superpose many pairs of structures at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_AT_ONCE = 2**12  # pairs in one step: what is computed of them stays in a core's cache
_STEPS = 30  # of Newton's method; 6 to 10 as a rule
_FLAT = 1e-5  # below this the greatest eigenvalue is nearly double and its vector ill determined


def rotations(products: Array) -> Array:
    """Return the rotations that bring each b nearest to each a, a ~ rotation @ b, good to 10 digits or so.

    The quaternion of the best rotation is the eigenvector with the greatest eigenvalue of a symmetric 4 x 4 matrix
    (Horn, J. Opt. Soc. Am. A 4, 629, 1987). The eigenvalue is found by Newton's method from above, the vector is a
    column of the adjugate (Theobald, Acta Cryst. A 61, 478, 2005): sums and products alone, of all pairs at once.
    Pairs for which this is ill conditioned, such as mirror images, are left to `exact_rotations`.

    Parameters
    ----------
    products : (n, 3, 3) float64
        Sum over the atoms of a_i b_j, both centred.

    Returns
    -------
    (n, 3, 3) float64
        Never a reflection.
    """
    found = np.empty_like(products)
    for start in range(0, len(products), _AT_ONCE):
        found[start : start + _AT_ONCE] = _rotations(products[start : start + _AT_ONCE])
    return found


def exact_rotations(products: Array) -> Array:
    """Return the same to the last digits, by singular values (Kabsch, Acta Cryst. A 32, 922, 1976), and slowly."""
    u, _, vt = np.linalg.svd(products)
    u[np.linalg.det(u) * np.linalg.det(vt) < 0, :, 2] *= -1.0
    found: Array = u @ vt
    return found


def _rotations(products: Array) -> Array:
    size = np.sqrt((products * products).sum(axis=(1, 2)))
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs_last = np.ascontiguousarray(products.transpose(1, 2, 0)) / size
        matrix = _horn(pairs_last)
        value = _greatest(matrix, _determinant(pairs_last))
        for place in range(4):
            matrix[place, place] -= value
        adjugate = _adjugate(matrix)
        diagonal = np.abs(adjugate[[0, 1, 2, 3], [0, 1, 2, 3]])
        quaternion = np.take_along_axis(adjugate, diagonal.argmax(axis=0)[None, None], axis=1)[:, 0]
        found = _turn(quaternion / np.sqrt((quaternion * quaternion).sum(axis=0)))
    hard = np.flatnonzero(~(diagonal.max(axis=0) > _FLAT))
    found[hard] = exact_rotations(products[hard])
    return found


def _horn(products: Array) -> Array:
    """Return Horn's matrix of each pair from products (3, 3, n), (4, 4, n)."""
    ((xx, yx, zx), (xy, yy, zy), (xz, yz, zz)) = products  # b is turned to a
    return np.array(
        [
            [xx + yy + zz, yz - zy, zx - xz, xy - yx],
            [yz - zy, xx - yy - zz, xy + yx, zx + xz],
            [zx - xz, xy + yx, yy - xx - zz, yz + zy],
            [xy - yx, zx + xz, yz + zy, zz - xx - yy],
        ]
    )


def _determinant(a: Array) -> Array:
    """Return the determinants of 3 x 3 matrices, (n,)."""
    found: Array = (
        a[0, 0] * (a[1, 1] * a[2, 2] - a[1, 2] * a[2, 1])
        - a[0, 1] * (a[1, 0] * a[2, 2] - a[1, 2] * a[2, 0])
        + a[0, 2] * (a[1, 0] * a[2, 1] - a[1, 1] * a[2, 0])
    )
    return found


def _greatest(matrix: Array, determinant: Array) -> Array:
    """Return the greatest eigenvalues of Horn's matrices of products of norm 1 with these determinants, (n,)."""
    linear = -8.0 * determinant
    upper, lower = _minors(matrix)
    constant = sum(sign * s * c for sign, s, c in zip((1, -1, 1, 1, -1, 1), upper, lower[::-1], strict=True))
    value = np.full(matrix.shape[2], np.sqrt(3.0))  # no eigenvalue is greater
    for _ in range(_STEPS):
        slope = (4.0 * value * value - 4.0) * value + linear
        step = (((value * value - 2.0) * value + linear) * value + constant) / slope
        step[~np.isfinite(step)] = 0.0
        value -= step
        if (np.abs(step) < 1e-14).all():
            break
    return value


def _minors(a: Array) -> tuple[list[Array], list[Array]]:
    """Return the six 2 x 2 minors of the upper two rows and those of the lower two, by columns 01 02 03 12 13 23."""
    columns = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    upper, lower = ([a[r, i] * a[r + 1, j] - a[r + 1, i] * a[r, j] for i, j in columns] for r in (0, 2))
    return upper, lower


def _adjugate(a: Array) -> Array:
    """Return the adjugates of symmetric matrices, (4, 4, n)."""
    (s0, s1, s2, s3, s4, s5), (_, c1, c2, c3, c4, c5) = _minors(a)
    b01 = a[0, 2] * c4 - a[0, 1] * c5 - a[0, 3] * c3
    b02 = a[3, 1] * s5 - a[3, 2] * s4 + a[3, 3] * s3
    b03 = a[2, 2] * s4 - a[2, 1] * s5 - a[2, 3] * s3
    b12 = a[3, 2] * s2 - a[3, 0] * s5 - a[3, 3] * s1
    b13 = a[2, 0] * s5 - a[2, 2] * s2 + a[2, 3] * s1
    b23 = a[2, 1] * s2 - a[2, 0] * s4 - a[2, 3] * s0
    return np.array(
        [
            [a[1, 1] * c5 - a[1, 2] * c4 + a[1, 3] * c3, b01, b02, b03],
            [b01, a[0, 0] * c5 - a[0, 2] * c2 + a[0, 3] * c1, b12, b13],
            [b02, b12, a[3, 0] * s4 - a[3, 1] * s2 + a[3, 3] * s0, b23],
            [b03, b13, b23, a[2, 0] * s3 - a[2, 1] * s1 + a[2, 2] * s0],
        ]
    )


def _turn(quaternion: Array) -> Array:
    """Return the rotation matrices of unit quaternions (4, n), (n, 3, 3)."""
    w, x, y, z = quaternion
    found: Array = np.array(
        [
            [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
        ]
    ).transpose(2, 0, 1)
    return found
