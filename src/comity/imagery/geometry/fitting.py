"""A rational polynomial model (RPC00B) fitted to any sensor model, independently of terrain.

The rigorous model is asked for the ground under a grid of pixels at several heights; numerators and
denominators are then found by linear least squares, reweighted by the denominator of the round before until
they settle, with a ridge that is as large as accuracy allows (Tao and Hu, "A comprehensive study of the
rational function model for photogrammetric processing", PE&RS 67(12), 2001). How well it suits is measured on
another grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError
from comity.imagery.geometry.model import SensorModel
from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.sight.kernels import triangle

Floats = NDArray[np.float64]

#: Columns, rows and heights of the grid that is fitted, and of the one that checks it.
FIT_GRID = (15, 19, 7)
CHECK_GRID = (24, 32, 12)
HEIGHTS_M = (-100.0, 5_000.0)
_ROUNDS = 6
_RIDGES = tuple(10.0**-k for k in range(4, 13))
#: Of two fits the stiffer is taken unless the other is better by more than this (px rms).
_BETTER_PX = 2e-4
_LEAST_DENOMINATOR = 0.1
_SETTLED = 1e-8
_UNKNOWNS = 39


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcFit:
    """An RPC and how far it is from the model it stands for, on a grid that was not fitted.

    ``rms_px``, ``max_px``: distance in the image; ``column_rms_px``, ``row_rms_px``: along it. ``points``: of
    the check grid, over the whole image and ``heights_m``.
    """

    rpc: Rpc
    rms_px: float
    max_px: float
    column_rms_px: float
    row_rms_px: float
    points: int
    heights_m: tuple[float, float]


def fit_rpc(model: SensorModel, *, heights_m: tuple[float, float] = HEIGHTS_M) -> RpcFit:
    """Fit an RPC to a sensor model over all of its image and heights (m above the ellipsoid).

    Raises :class:`InputError` when the heights are none, the model has no ground somewhere in the image, or
    no rational function suits it.
    """
    if not -20_000.0 < heights_m[0] < heights_m[1] < 100_000.0:
        raise InputError(f"heights from {heights_m[0]:g} to {heights_m[1]:g} m are no range to fit over")
    # in the order row, column, latitude, longitude, height
    given = ground_grid(model, FIT_GRID, heights_m, ends=True)
    check = ground_grid(model, CHECK_GRID, heights_m, ends=False)
    check[3] = given[3, 0] + (check[3] - given[3, 0] + 180.0) % 360.0 - 180.0
    low, high = given.min(axis=1), given.max(axis=1)
    offset, scale = (low + high) / 2.0, np.maximum((high - low) / 2.0, 1e-9)
    row, column, *place = (given - offset[:, None]) / scale[:, None]
    row_there, column_there, *place_there = (check - offset[:, None]) / scale[:, None]
    design, against = terms(*place), terms(*place_there)
    row_num, row_den = _stiffest(design, row, against, row_there, scale[0])
    column_num, column_den = _stiffest(design, column, against, column_there, scale[1])
    middle = (offset[3] + 180.0) % 360.0 - 180.0
    rpc = Rpc(
        shape=model.shape,
        row_off=float(offset[0]),
        column_off=float(offset[1]),
        lat_off_deg=float(offset[2]),
        lon_off_deg=float(middle),
        height_off_m=float(offset[4]),
        row_scale=float(scale[0]),
        column_scale=float(scale[1]),
        lat_scale_deg=float(scale[2]),
        lon_scale_deg=float(scale[3]),
        height_scale_m=float(scale[4]),
        row_num=tuple(row_num.tolist()),
        row_den=tuple(row_den.tolist()),
        column_num=tuple(column_num.tolist()),
        column_den=tuple(column_den.tolist()),
    )
    at_column, at_row = rpc.project(check[3], check[2], check[4])
    du, dv = at_column - check[1], at_row - check[0]
    return RpcFit(
        rpc=rpc,
        rms_px=float(np.sqrt(np.mean(du**2 + dv**2))),
        max_px=float(np.sqrt(np.max(du**2 + dv**2))),
        column_rms_px=float(np.sqrt(np.mean(du**2))),
        row_rms_px=float(np.sqrt(np.mean(dv**2))),
        points=len(du),
        heights_m=heights_m,
    )


def terms(lat: Floats, lon: Floats, height: Floats) -> Floats:
    """The 20 terms (n, 20) of RPC00B in normalised latitude P, longitude L and height H (NIMA STDI-0002)."""
    p, q, h = lat, lon, height
    one = np.ones_like(p)
    columns = [one, q, p, h, q * p, q * h, p * h, q * q, p * p, h * h, p * q * h]
    columns += [q**3, q * p * p, q * h * h, q * q * p, p**3, p * h * h, q * q * h, p * p * h, h**3]
    return np.stack(columns, axis=-1)


def ground_grid(
    model: SensorModel, grid: tuple[int, int, int], heights_m: tuple[float, float], *, ends: bool
) -> Floats:
    """Rows, columns, latitudes, longitudes (deg, without a jump at ±180) and heights: (5, n) over the image.

    ``grid``: how many columns, rows and heights. ``ends``: they crowd towards the edges as Chebyshev's points
    do; else they are even; edges of the outer pixels included. Raises :class:`InputError` for pixels without
    ground.
    """
    rows, columns = model.shape
    column, row, height = (
        one.ravel()
        for one in np.meshgrid(
            _between(-0.5, columns - 0.5, grid[0], ends=ends),
            _between(-0.5, rows - 0.5, grid[1], ends=ends),
            _between(*heights_m, grid[2], ends=ends),
            indexing="ij",
        )
    )
    lon, lat = model.locate(column, row, height)
    lost = ~(np.isfinite(lon) & np.isfinite(lat))
    if lost.any():
        k = int(np.argmax(lost))
        raise InputError(
            f"the model has no ground under column {column[k]:.1f}, row {row[k]:.1f} at {height[k]:g} m "
            f"({int(lost.sum())} of {len(lost)} points): no RPC can be fitted to all of the image"
        )
    lon = lon[0] + (lon - lon[0] + 180.0) % 360.0 - 180.0
    return np.stack([row, column, lat, lon, height])


def _between(low: float, high: float, count: int, *, ends: bool) -> Floats:
    place = -np.cos(np.linspace(0.0, np.pi, count)) if ends else np.linspace(-1.0, 1.0, count)
    return np.asarray((low + high) / 2.0 + (high - low) / 2.0 * place, dtype=np.float64)


def _stiffest(
    design: Floats, wanted: Floats, against: Floats, checked: Floats, pixels: float
) -> tuple[Floats, Floats]:
    """Numerator and denominator (20,) with the largest ridge that costs no accuracy on the check grid.

    ``design``, ``against``: terms of the fitted and the check grid; ``wanted``, ``checked``: the normalised
    image coordinate there, ``pixels`` to its unit.
    """
    best: tuple[float, Floats, Floats] | None = None
    in_vain = 0
    for ridge in _RIDGES:
        num, den = _reweighted(design, wanted, ridge)
        below = against @ den
        if not (below.min() > _LEAST_DENOMINATOR and (design @ den).min() > _LEAST_DENOMINATOR):
            continue  # a pole lies in the image, or close to it
        rms = pixels * float(np.sqrt(np.mean((against @ num / below - checked) ** 2)))
        if best is None or rms < best[0] - _BETTER_PX:
            best, in_vain = (rms, num, den), 0
        else:
            in_vain += 1
            if in_vain == 3:
                break
    if best is None:
        raise InputError("no RPC suits this image: every fit has a pole in it")
    return best[1], best[2]


def _reweighted(design: Floats, wanted: Floats, ridge: float) -> tuple[Floats, Floats]:
    # by columns, as the kernel walks; the last is the right-hand side
    whole = np.concatenate([design, -wanted[:, None] * design[:, 1:], wanted[:, None]], axis=1)
    weight = np.ones(len(wanted))
    num, den = np.zeros(20), np.zeros(20)
    for _ in range(_ROUNDS):
        weighted = np.asfortranarray(whole * weight[:, None])
        triangle(weighted)
        u, s, vt = np.linalg.svd(weighted[:_UNKNOWNS, :_UNKNOWNS])
        x = vt.T @ (s / (s * s + (ridge * s[0]) ** 2) * (u.T @ weighted[:_UNKNOWNS, _UNKNOWNS]))
        before = den
        num, den = x[:20], np.concatenate([[1.0], x[20:]])
        below = design @ den
        if below.min() <= 0.0 or np.abs(den - before).max() < _SETTLED:
            break
        weight = 1.0 / below
    return num, den
