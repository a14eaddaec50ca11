"""Where one band lies under another: measured by phase correlation, made smooth, in fractions of a pixel.

The shift of two tiles is the slope of the phase of their cross-power spectrum (Stone, Orchard, Chang &
Martucci, IEEE TGRS 39(10), 2001), found from its peak and fitted on the low frequencies, where bands agree
and little is aliased. Tiles are taken again at the shift found, so that both see the same ground.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Array = NDArray[np.float32]

#: Pixels along a tile's side, and how far (px) from the expected place is looked.
TILE = 64
REACH = 8.0
#: Tiles along an image's columns and rows, at most.
_MOST_TILES = (8, 24)
#: Frequencies (cycles per pixel) that the slope is fitted on.
_LOW, _HIGH = 0.03, 0.30
#: Phase agreement (0…1) below which a tile says nothing.
_AGREES = 0.45
#: Tiles needed for a shift, a plane, a curved surface.
_FEWEST = (4, 10, 30)

#: A tile (TILE, TILE) of a band about a place (column, row) of the common grid, taken ``shift`` (columns,
#: rows) away from where it is expected; NaN where there is none.
Tiles = Callable[[tuple[float, float], tuple[float, float]], Array]


@dataclass(frozen=True, slots=True)
class Surface:
    """A smooth shift (columns, rows) over an image: polynomials in column and row.

    ``terms`` (n, 2): coefficients; n of 0 is no shift at all. ``shape``: rows, columns of the image.
    """

    shape: tuple[int, int]
    terms: Floats

    def at(self, column: Floats, row: Floats) -> tuple[Floats, Floats]:
        """Shift (columns, rows) at places of the common grid."""
        basis = _basis(self.shape, np.asarray(column), np.asarray(row), len(self.terms))
        if not len(self.terms):
            return np.zeros(np.shape(column)), np.zeros(np.shape(column))
        return basis @ self.terms[:, 0], basis @ self.terms[:, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How a band was found to lie.

    ``shift_px``: mean (columns, rows) against where it was expected. ``tiles``: that agreed; ``of`` so many.
    ``residual_px``: root mean square distance of tiles from the surface; None where nothing was measured.
    """

    surface: Surface
    shift_px: tuple[float, float]
    tiles: int
    of: int
    residual_px: float | None


def tile_places(shape: tuple[int, int], *, between: bool = False) -> list[tuple[float, float]]:
    """Middles (column, row) of tiles spread over an image; ``between``: those in the gaps of the others."""
    rows, columns = shape
    room = TILE + 2 * REACH
    axes = []
    for most, size in zip(_MOST_TILES, (columns, rows), strict=True):
        count = max(1, min(most, int(size // room)))
        low, high = room / 2, size - 1 - room / 2
        if high <= low:
            axes.append([(size - 1) / 2])
            continue
        step = (high - low) / count
        at = low + step * (np.arange(count) + 0.5)
        if between:
            at = np.linspace(low, high, count + 1)
        axes.append(list(at))
    return [(float(column), float(row)) for row in axes[1] for column in axes[0]]


def tile_shift(first: Array, second: Array) -> tuple[float, float, float]:
    """How far (columns, rows) the content of ``second`` lies beyond that of ``first``, and the agreement 0…1.

    Both (n, n). Within half a tile; agreement 0 where either is blank or has holes.
    """
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return 0.0, 0.0, 0.0
    size = len(first)
    window = np.hanning(size)[:, None] * np.hanning(size)[None, :]
    spectra = []
    for tile in (first, second):
        plain = tile.astype(np.float64)
        weighted = (plain - np.average(plain, weights=window)) * window
        spectra.append(np.fft.fft2(weighted))
    cross = spectra[1] * np.conj(spectra[0])
    size_of = np.abs(cross)
    if not size_of.max() > 0.0:
        return 0.0, 0.0, 0.0
    frequency = np.fft.fftfreq(size)
    fx, fy = np.meshgrid(frequency, frequency)
    radius = np.hypot(fx, fy)
    used = (radius > _LOW) & (radius < _HIGH)
    weight = np.where(used, np.sqrt(size_of), 0.0)
    phase = np.where(size_of > 0.0, cross / np.maximum(size_of, 1e-300), 0.0)
    surface = np.real(np.fft.ifft2(phase * weight))
    # Ground that is bright in one band and dark in the other turns the peak over.
    peak = np.unravel_index(np.argmax(np.abs(surface)), surface.shape)
    if surface[peak] < 0.0:
        phase = -phase
    rows, columns = (int((at + size // 2) % size - size // 2) for at in peak)
    dx, dy = float(columns), float(rows)
    flat_x, flat_y, flat_w = fx[used], fy[used], weight[used]
    agreement = 0.0
    for _ in range(6):
        left = np.angle(phase[used] * np.exp(2j * math.pi * (flat_x * dx + flat_y * dy)))
        agreement = float(np.sum(flat_w * np.cos(left)) / np.sum(flat_w))
        # Phases far off the plane are noise: they count little.
        w = flat_w * np.clip(np.cos(left), 0.0, None) ** 2
        a, b = -2.0 * math.pi * flat_x, -2.0 * math.pi * flat_y
        normal = np.array([[np.sum(w * a * a), np.sum(w * a * b)], [np.sum(w * a * b), np.sum(w * b * b)]])
        if np.linalg.det(normal) <= 0.0:
            return 0.0, 0.0, 0.0
        step = np.linalg.solve(normal, np.array([np.sum(w * a * left), np.sum(w * b * left)]))
        dx, dy = dx + float(step[0]), dy + float(step[1])
        if np.abs(step).max() < 1e-4:
            break
    return dx, dy, max(agreement, 0.0)


def register(shape: tuple[int, int], reference: Tiles, band: Tiles) -> Registration:
    """Measure how ``band`` lies against ``reference`` over an image of ``shape`` (rows, columns)."""
    places = tile_places(shape)
    found = [_measured(place, reference, band) for place in places]
    good = np.array([one is not None for one in found], bool)
    shifts = np.array([one for one in found if one is not None], np.float64).reshape(-1, 2)
    at = np.array(places, np.float64)[good]
    surface, kept = _fitted(shape, at, shifts)
    if not kept.any():
        return Registration(surface=surface, shift_px=(0.0, 0.0), tiles=0, of=len(places), residual_px=None)
    fit = np.column_stack(surface.at(at[kept, 0], at[kept, 1]))
    left = shifts[kept] - fit
    return Registration(
        surface=surface,
        shift_px=(float(fit[:, 0].mean()), float(fit[:, 1].mean())),
        tiles=int(kept.sum()),
        of=len(places),
        residual_px=float(np.sqrt(np.mean(np.sum(left**2, axis=1)))),
    )


def verify(
    shape: tuple[int, int], reference: Tiles, band: Tiles, surface: Surface
) -> tuple[float | None, int]:
    """What is left of a band's shift after ``surface``, root mean square px, and on how many tiles.

    Measured on tiles between those of :func:`register`; tiles whose bands disagree do not count. None where
    none agrees.
    """
    left = []
    for place in tile_places(shape, between=True):
        column, row = surface.at(np.array([place[0]]), np.array([place[1]]))
        shift = (float(column[0]), float(row[0]))
        dx, dy, agreement = tile_shift(reference(place, (0.0, 0.0)), band(place, shift))
        if agreement >= _AGREES and math.hypot(dx, dy) < REACH:
            left.append((dx, dy))
    if not left:
        return None, 0
    distance = np.hypot(*np.array(left).T)
    # Some tiles meet on cloud, which moves against the ground.
    kept = distance <= max(4.0 * 1.4826 * float(np.median(distance)), 0.05)
    return float(np.sqrt(np.mean(distance[kept] ** 2))), int(kept.sum())


def _measured(place: tuple[float, float], reference: Tiles, band: Tiles) -> tuple[float, float] | None:
    still = reference(place, (0.0, 0.0))
    if not np.isfinite(still).all():
        return None
    shift = (0.0, 0.0)
    for _ in range(3):
        dx, dy, agreement = tile_shift(still, band(place, shift))
        if agreement < _AGREES / 2:
            return None
        shift = (shift[0] + dx, shift[1] + dy)
        if math.hypot(*shift) > REACH:
            return None
    return shift if agreement >= _AGREES and math.hypot(dx, dy) < 0.1 else None


def _fitted(shape: tuple[int, int], at: Floats, shifts: Floats) -> tuple[Surface, NDArray[np.bool_]]:
    """The surface through shifts, outliers left out, and which were kept."""
    nothing = Surface(shape, np.zeros((0, 2)))
    if len(at) < _FEWEST[0]:
        return nothing, np.zeros(len(at), bool)
    kept = _agreeing(shape, at, shifts)
    surface = nothing
    for _ in range(8):
        count = int(kept.sum())
        if count < _FEWEST[0]:
            return nothing, np.zeros(len(at), bool)
        terms = 1 if count < _FEWEST[1] else 3 if count < _FEWEST[2] else 7
        basis = _basis(shape, at[:, 0], at[:, 1], terms)
        found, *_ = np.linalg.lstsq(basis[kept], shifts[kept], rcond=None)
        surface = Surface(shape, np.asarray(found, np.float64))
        distance = np.hypot(*(shifts - basis @ found).T)
        now = distance <= _limit(distance[kept])
        if (now == kept).all():
            break
        kept = now
    return surface, kept


def _agreeing(shape: tuple[int, int], at: Floats, shifts: Floats) -> NDArray[np.bool_]:
    """Shifts near the plane (of few: the shift) that most of them lie near: least median of squares.

    Tiles on cloud agree among themselves, at one side of the image: no mean may start from them.
    """
    if len(at) < _FEWEST[1]:
        distance = np.hypot(*(shifts - np.median(shifts, axis=0)).T)
        return np.asarray(distance <= _limit(distance))
    basis = _basis(shape, at[:, 0], at[:, 1], 3)
    random = np.random.default_rng(0)
    best, least = np.zeros(len(at)), math.inf
    for _ in range(300):
        chosen = random.choice(len(at), 3, replace=False)
        if abs(np.linalg.det(basis[chosen])) < 0.05:
            continue
        distance = np.hypot(*(shifts - basis @ np.linalg.solve(basis[chosen], shifts[chosen])).T)
        middle = float(np.median(distance))
        if middle < least:
            best, least = distance, middle
    return np.asarray(best <= _limit(best))


def _limit(distance: Floats) -> float:
    """Beyond which a distance (px) is an outlier's: 3.5 standard deviations of an axis, by the median."""
    return max(3.5 / 1.1774 * float(np.median(distance)), 0.05)


def _basis(shape: tuple[int, int], column: Floats, row: Floats, terms: int) -> Floats:
    x = 2.0 * column / max(shape[1] - 1, 1) - 1.0
    y = 2.0 * row / max(shape[0] - 1, 1) - 1.0
    every = [np.ones_like(x), x, y, x * y, x * x, y * y, y * y * y][:terms]
    return np.stack(every, axis=-1) if terms else np.zeros((*x.shape, 0))
