"""Rotations as unit quaternions (x, y, z, w) and matrices, by the row."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def matrix_of(quaternion: ArrayLike) -> Floats:
    """Rotation matrices (…, 3, 3) of quaternions (…, 4), scalar last; they need not be of unit length."""
    q = np.asarray(quaternion, dtype=np.float64)
    x, y, z, w = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
        [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
        [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quaternion_of(matrix: Floats) -> Floats:
    """Unit quaternions (n, 4), scalar last, of rotation matrices (n, 3, 3); neighbours have no jump of sign.

    The largest of the four components is found first and divides the others (Shepperd 1978).
    """
    m = np.asarray(matrix, dtype=np.float64)
    trace = np.trace(m, axis1=-2, axis2=-1)
    size = np.stack([m[:, 0, 0], m[:, 1, 1], m[:, 2, 2], trace], axis=-1)
    which = np.argmax(size, axis=-1)
    q = np.empty((len(m), 4))
    for k in range(3):
        one = which == k
        i, j = (k + 1) % 3, (k + 2) % 3
        n = m[one]
        q[one, k] = 1.0 + n[:, k, k] - n[:, i, i] - n[:, j, j]
        q[one, i] = n[:, i, k] + n[:, k, i]
        q[one, j] = n[:, j, k] + n[:, k, j]
        q[one, 3] = n[:, j, i] - n[:, i, j]
    one = which == 3
    n = m[one]
    q[one, 0] = n[:, 2, 1] - n[:, 1, 2]
    q[one, 1] = n[:, 0, 2] - n[:, 2, 0]
    q[one, 2] = n[:, 1, 0] - n[:, 0, 1]
    q[one, 3] = 1.0 + trace[one]
    return continuous(q / np.linalg.norm(q, axis=-1, keepdims=True))


def continuous(quaternion: Floats) -> Floats:
    """The same rotations (n, 4) with each quaternion's sign that of its neighbour before."""
    turned = np.sum(quaternion[1:] * quaternion[:-1], axis=-1) < 0.0
    signs = np.where(np.concatenate([[False], np.logical_xor.accumulate(turned)]), -1.0, 1.0)
    return np.asarray(quaternion * signs[:, None], dtype=np.float64)


def axis_rotation(axis: int, angle: ArrayLike) -> Floats:
    """Matrices (…, 3, 3) that turn vectors by ``angle`` (rad) about axis 0, 1 or 2, right-handed."""
    angle = np.asarray(angle, dtype=np.float64)
    c, s = np.cos(angle), np.sin(angle)
    out = np.zeros((*angle.shape, 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[..., axis, axis] = 1.0
    out[..., i, i] = out[..., j, j] = c
    out[..., j, i] = s
    out[..., i, j] = -s
    return out
