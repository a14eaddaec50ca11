"""Refinement of any sensor model by control points: a shift, drift or affine correction in the image.

What orbit and attitude leave in error is, over one image, a smooth displacement in image space: a shift, a
drift along the rows, at most an affine map (Grodecki and Dial, "Block adjustment of high-resolution satellite
images described by rational polynomials", PE&RS 69(1), 2003). Blunders are found by the least median of
squares (Rousseeuw 1984): the minimal set of points whose correction suits most others comes first, what lies
far from it is left out, the rest is fitted by least squares.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import InputError, read_text
from comity.imagery.geometry.model import SensorModel

Floats = NDArray[np.float64]
Form = Literal["shift", "drift", "affine"]

#: Points that determine each form; one more is needed before it is chosen by itself.
NEEDED: dict[Form, int] = {"shift": 1, "drift": 2, "affine": 3}
#: Error (px) of a measured point where none is stated.
SIGMA_PX = 0.3
_MOST_SUBSETS = 500
_COST_OF_A_BLUNDER = 25.0
_TO_JUDGE = 10  # residuals to spare from which the points' own error is told; before, what is stated holds
_TO_TELL_A_BLUNDER = 3  # points more than a form needs: with fewer any could be the wrong one
_COLUMNS = ("column", "row", "lon", "lat", "height")


#: Sum of squared residuals, residuals to spare, correction (2, 3), inliers (n,), left-out error, form.
_Fit = tuple[float, int, Floats, NDArray[np.bool_], float, Form]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ControlPoints:
    """Places known on the ground and found in the image; every array is (n,).

    ``column``, ``row``: (0, 0) is the centre of the first pixel. ``lon_deg``, ``lat_deg``, ``height_m``:
    WGS-84 and above its ellipsoid. Raises :class:`InputError` for unequal lengths, none at all or a value
    that is not finite.
    """

    column: Floats
    row: Floats
    lon_deg: Floats
    lat_deg: Floats
    height_m: Floats
    name: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fields = ("column", "row", "lon_deg", "lat_deg", "height_m")
        for field in fields:
            object.__setattr__(self, field, np.atleast_1d(np.asarray(getattr(self, field), dtype=np.float64)))
        count = len(self.column)
        if count == 0 or any(getattr(self, field).shape != (count,) for field in fields):
            raise InputError("control points: none, or columns, rows and places of unequal number")
        if not self.name:
            object.__setattr__(self, "name", tuple(str(k + 1) for k in range(count)))
        for field in fields:
            bad = ~np.isfinite(getattr(self, field))
            if bad.any():
                raise InputError(f"control point {self.name[int(np.argmax(bad))]}: {field} is not a number")
        if len(self.name) != count:
            raise InputError(f"control points: {count} points but {len(self.name)} names")
        if np.abs(self.lat_deg).max() > 90.0 or np.abs(self.lon_deg).max() > 360.0:
            raise InputError("control points: a latitude is outside ±90 or a longitude outside ±360 degrees")

    def __len__(self) -> int:
        return len(self.column)

    def some(self, which: NDArray[np.bool_]) -> ControlPoints:
        """Those of the mask (n,)."""
        return ControlPoints(
            column=self.column[which],
            row=self.row[which],
            lon_deg=self.lon_deg[which],
            lat_deg=self.lat_deg[which],
            height_m=self.height_m[which],
            name=tuple(one for one, kept in zip(self.name, which, strict=True) if kept),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefinedModel:
    """A sensor model with an affine correction of its image coordinates.

    ``correction`` (2, 3): (column, row) = predicted + correction @ (1, predicted column, predicted row).
    """

    base: SensorModel
    correction: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the raster."""
        return self.base.shape

    @property
    def heights_m(self) -> tuple[float, float]:
        """Ellipsoidal heights between which the model is valid."""
        return self.base.heights_m

    def project(self, lon_deg: ArrayLike, lat_deg: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(column, row) of ground points."""
        column, row = self.base.project(lon_deg, lat_deg, height_m)
        (a0, a1, a2), (b0, b1, b2) = self.correction
        return column + (a0 + a1 * column + a2 * row), row + (b0 + b1 * column + b2 * row)

    def locate(self, column: ArrayLike, row: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(lon, lat) degrees of pixels at a height."""
        u = np.asarray(column, dtype=np.float64) - self.correction[0, 0]
        v = np.asarray(row, dtype=np.float64) - self.correction[1, 0]
        (a, b), (c, d) = np.linalg.inv(np.eye(2) + self.correction[:, 1:])
        return self.base.locate(a * u + b * v, c * u + d * v, height_m)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refinement:
    """A refined model and how well it suits the points.

    ``form``: of its correction. ``kept`` (n,): points that were fitted; the others are blunders.
    ``column_px``, ``row_px`` (n,): what is left of all points, measured less predicted. ``before_px``,
    ``rms_px``: root mean square distance of the kept ones before and after. ``left_out_px``: the same of each
    point against the fit of the others, the honest figure for few points; NaN where no point is to spare.
    """

    model: RefinedModel
    form: Form
    kept: NDArray[np.bool_]
    column_px: Floats
    row_px: Floats
    before_px: float
    rms_px: float
    left_out_px: float


def residuals(model: SensorModel, points: ControlPoints) -> tuple[Floats, Floats]:
    """Columns and rows measured less predicted, each (n,) px; NaN where the model does not see a place."""
    column, row = model.project(points.lon_deg, points.lat_deg, points.height_m)
    return points.column - column, points.row - row


def refine(
    model: SensorModel,
    points: ControlPoints,
    *,
    form: Form | None = None,
    sigma_px: float = SIGMA_PX,
) -> Refinement:
    """Correct a model by control points.

    ``form``: of the correction; None chooses by Mallows' Cp. ``sigma_px``: the error of a measured point;
    what lies farther off than 3.5 of them, or of what most points show, is a blunder.
    It takes 4 points of a shift, 5 of a drift, 6 of an affine correction to tell one.

    Raises :class:`InputError` when the model sees none of the places, points are too few or lie on a line for
    the form asked for, or half of them contradict the others.
    """
    if not sigma_px > 0.0:
        raise InputError(f"sigma_px {sigma_px:g} is not above 0")
    column, row = model.project(points.lon_deg, points.lat_deg, points.height_m)
    seen = np.isfinite(column) & np.isfinite(row)
    if not seen.any():
        raise InputError(
            f"the image sees none of the {len(points)} control points: is it of this place, are lon and lat "
            "in their order?"
        )
    shift = np.stack([points.column - column, points.row - row], axis=-1)
    place = np.stack([np.ones_like(column), column, row], axis=-1)
    forms: tuple[Form, ...] = (form,) if form else ("shift", "drift", "affine")
    fits: list[_Fit] = []
    for one in forms:
        spare = int(seen.sum()) - NEEDED[one]
        if spare < 0 or (form is None and one != "shift" and spare < 2):
            continue
        fitted = _robust(place[seen], shift[seen], one, sigma_px, model.shape)
        if fitted is not None:
            fits.append(fitted)
    if not fits:
        raise InputError(
            f"{int(seen.sum())} control points are too few, or lie on one line, for "
            f"{form or 'a correction'}: a shift needs 1, a drift 2, an affine correction 3 that span it"
        )
    # Mallows' Cp: squared residuals over the points' variance (what the best form leaves, at least what is
    # stated), and what each parameter and each point left out costs
    left = [squares / spare for squares, spare, *_ in fits if spare >= _TO_JUDGE]
    variance = max(sigma_px**2, min(left, default=0.0))

    def cost(fit: _Fit) -> float:
        squares, _, _, inliers, _, one = fit
        lost = len(inliers) - int(inliers.sum())
        return squares / variance + 4.0 * NEEDED[one] + _COST_OF_A_BLUNDER * lost

    _, _, correction, inliers, left_out, chosen = min(fits, key=cost)
    kept = seen.copy()
    kept[seen] = inliers
    if 2 * int(kept.sum()) <= int(seen.sum()) and len(points) > 2:
        raise InputError(
            f"control points contradict each other: only {int(kept.sum())} of {len(points)} agree within "
            f"{3.5 * sigma_px:g} px; check them, or state a larger error"
        )
    refined = RefinedModel(base=model, correction=correction)
    du, dv = residuals(refined, points)
    return Refinement(
        model=refined,
        form=chosen,
        kept=kept,
        column_px=du,
        row_px=dv,
        before_px=_rms(shift[kept]),
        rms_px=_rms(np.stack([du, dv], axis=-1)[kept]),
        left_out_px=left_out,
    )


def read_control_points(path: Path) -> ControlPoints:
    """Points of a CSV file: columns ``column,row,lon,lat,height`` (px, px, deg, deg, m), perhaps ``name``.

    Raises :class:`InputError` naming the file, the line and what is wrong.
    """
    rows = csv.DictReader(io.StringIO(read_text(path)), skipinitialspace=True)
    missing = [one for one in _COLUMNS if one not in (rows.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path} has no column {', '.join(missing)}: its first line must name {','.join(_COLUMNS)}"
        )
    values: list[list[float]] = []
    names: list[str] = []
    for number, line in enumerate(rows, start=2):
        try:
            values.append([float(line[one]) for one in _COLUMNS])
        except (TypeError, ValueError) as error:
            raise InputError(f"{path} line {number}: {error}") from error
        names.append((line.get("name") or str(number - 1)).strip())
    table = np.array(values).reshape(-1, len(_COLUMNS))
    try:
        return ControlPoints(
            column=table[:, 0],
            row=table[:, 1],
            lon_deg=table[:, 2],
            lat_deg=table[:, 3],
            height_m=table[:, 4],
            name=tuple(names),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _robust(place: Floats, shift: Floats, form: Form, sigma: float, shape: tuple[int, int]) -> _Fit | None:
    """One form fitted; None where the points do not determine it."""
    used = {"shift": [0], "drift": [0, 2], "affine": [0, 1, 2]}[form]
    # coordinates from −1 to 1 over the image, so that all columns weigh alike
    middle = np.array([0.0, (shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0])
    scale = np.array([1.0, max(shape[1], 2) / 2.0, max(shape[0], 2) / 2.0])
    design = ((place - middle) / scale)[:, used]
    count, needed = len(design), len(used)
    if np.linalg.matrix_rank(design, tol=1e-3 * math.sqrt(count)) < needed:
        return None
    inliers = np.ones(count, dtype=bool)
    if count >= needed + _TO_TELL_A_BLUNDER:
        start = _least_median(design, shift, needed)
        distance = np.linalg.norm(shift - design @ start, axis=-1)
        most = np.sort(distance)[(count + needed + 1) // 2 - 1]
        # the median of a Rayleigh distance is 1.18 σ
        seen = most / 1.18
        inliers = distance <= 3.5 * max(sigma, min(seen, 10.0 * sigma))
        for _ in range(10):
            if int(inliers.sum()) < needed or np.linalg.matrix_rank(design[inliers]) < needed:
                return None
            fit = np.linalg.lstsq(design[inliers], shift[inliers], rcond=None)[0]
            distance = np.linalg.norm(shift - design @ fit, axis=-1)
            again = distance <= 3.5 * max(sigma, min(_rms(distance[inliers]), 10.0 * sigma))
            if (again == inliers).all():
                break
            inliers = again
        if int(inliers.sum()) < needed or np.linalg.matrix_rank(design[inliers]) < needed:
            return None
    a, b = design[inliers], shift[inliers]
    fit = np.linalg.lstsq(a, b, rcond=None)[0]
    lever = np.sum((a @ np.linalg.pinv(a.T @ a)) * a, axis=-1)
    distance = np.linalg.norm(b - a @ fit, axis=-1)
    # what the others say of each point; of one that no other can stand in for, nothing
    alone = (lever > 1.0 - 1e-9).any()
    left_out = math.nan if alone else _rms(distance / (1.0 - lever))
    correction = np.zeros((2, 3))
    correction[:, used] = (fit / scale[used, None]).T
    correction[:, 0] -= correction[:, 1:] @ middle[1:]
    return float(np.sum(distance**2)), 2 * (len(a) - needed), correction, inliers, left_out, form


def _least_median(design: Floats, shift: Floats, needed: int) -> Floats:
    """The exact correction of those ``needed`` points that leaves the least median distance to all."""
    count = len(design)
    if math.comb(count, needed) <= _MOST_SUBSETS:
        subsets = np.array(list(combinations(range(count), needed)))
    else:
        draw = np.random.default_rng(0)
        subsets = np.array([draw.choice(count, needed, replace=False) for _ in range(_MOST_SUBSETS)])
    half = (count + needed + 1) // 2 - 1
    best, least = np.linalg.lstsq(design, shift, rcond=None)[0], math.inf
    for subset in subsets:
        part = design[subset]
        if abs(np.linalg.det(part)) < 1e-3:
            continue
        fit = np.linalg.solve(part, shift[subset])
        distance = float(np.sort(np.linalg.norm(shift - design @ fit, axis=-1))[half])
        if distance < least:
            best, least = fit, distance
    return np.asarray(best, dtype=np.float64)


def _rms(distance: Floats) -> float:
    """Root mean square of distances (n,), or of the lengths of vectors (n, 2)."""
    square = distance**2 if distance.ndim == 1 else np.sum(distance**2, axis=-1)
    return float(np.sqrt(np.mean(square))) if len(square) else math.nan
