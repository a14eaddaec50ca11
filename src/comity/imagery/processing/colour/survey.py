"""A first look over a pan and its bands: how they lie, how sharp they are, how the one tells the other.

Some windows over the image are read. The blurred pan is nearly a linear combination of the bands; the shift
and the blur at which it is so best are those of the pair (as in semi-blind estimates of the filter: Vivone et
al. 2015), found by Gauss-Newton steps and a search along the blur. Shifts far out of line are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError
from comity.imagery.processing.colour import fusion, kernels
from comity.imagery.processing.colour.fusion import Image, Injection
from comity.imagery.processing.colour.relation import Floats, Relation

#: Coarse pixels of a window's side, and how many windows at most.
_WINDOW_PX, _MOST_WINDOWS = 160, 16
#: Coarse pixels along the side of what is too small to tell anything.
_LEAST_PX = 12
#: Coarse pixels searched each way before the fine fit.
_SEARCH_PX = 6
#: Share of the pan's variance the bands must explain for a window to say where it lies, and for one scene.
_TELLING, _ONE_SCENE = 0.3, 0.2
#: Gains of the filter at the bands' Nyquist frequency that are tried; an ideal detector's is 2/π.
_NYQUIST = np.array([0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.26, 0.33, 0.4, 0.5, 0.6, 0.72])
#: The gain from which the search for the shift starts.
_USUAL = 0.2
#: Share of the coarse pixels whose lack is taken for noise.
_EVEN = 0.25
#: Valid coarse pixels below which a window says nothing; longest step of a shift and when it stands, px.
_FEW, _STEP_PX, _STILL_PX = 200, 2.0, 0.005
#: Windows from which a varying shift is tried.
_TO_VARY = 6
#: What a varying shift must be over the image, pan pixels, and what share of the spread it may leave.
_VARIES_PX, _SAVES = 0.1, 0.5
#: Share of the windows' rms about no shift that may be left for a shift to be believed: clouds, which bands
#: and pan see at different times and so places, move windows apart where the ground has not moved.
_AGREES = 0.6


class Pair(Protocol):
    """A pan and its bands, read by windows that are clipped to the image; NaN is no data."""

    @property
    def relation(self) -> Relation:
        """How they lie by their geometry."""

    def read_pan(self, column: int, row: int, width: int, height: int) -> Image:
        """(rows, cols) of the pan."""

    def read_xs(self, column: int, row: int, width: int, height: int) -> Image:
        """(bands, rows, cols)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the windows told.

    ``relation``: with the measured shift. ``shift_px``: (column, row), mean over the windows, pan pixels;
    ``spread_px``: rms of the windows about the shift used, pan pixels. ``explained``: share of the blurred
    pan's variance that the bands tell. ``nyquist``: gain at the bands' Nyquist frequency of
    the filter that makes the bands' sharpness of the pan's.
    """

    relation: Relation
    injection: Injection
    shift_px: tuple[float, float]
    spread_px: float
    explained: float
    nyquist: float
    windows: int


@dataclass(slots=True)
class _Window:
    """Pixels of one window and where its coarse pixels lie in its piece of the pan."""

    xs: Image
    pan: Image
    column: Floats
    row: Floats
    centre: tuple[float, float]
    shift: Floats
    explained: float = 0.0


def blur_of(nyquist: float, ratio: float) -> float:
    """Sigma, pan pixels, of the Gaussian of this gain at the Nyquist frequency of pixels ``ratio`` large."""
    return float(ratio * np.sqrt(-2.0 * np.log(nyquist)) / np.pi)


def survey(pair: Pair, *, register: bool = True, workers: int = 1) -> Survey:
    """Look a pair over. ``register``: measure the shift; else the geometry is taken as it is.

    Raises :class:`InputError` where pan and bands have no valid ground in common, are not of two
    resolutions, or do not show the same ground.
    """
    relation = pair.relation
    ratio = relation.ratio
    if ratio < 1.5:
        raise InputError(
            f"the bands' pixels are {ratio:.2f} times the pan's: nothing to sharpen; give the bands "
            "as acquired, and check that pan and bands are not swapped"
        )
    with ThreadPoolExecutor(workers) as pool:
        windows = [
            one for one in pool.map(lambda at: _window(pair, *at), _places(relation)) if one is not None
        ]
        if not windows:
            raise InputError("pan and bands have no valid ground in common")
        sigma = blur_of(_USUAL, ratio)
        if register:
            _search(windows, sigma, ratio)
        list(pool.map(lambda one: _place(one, sigma, 5 if register else 0), windows))
        best = sorted(windows, key=lambda one: -one.explained)[:6]
        if best[0].explained < _ONE_SCENE and register:
            raise InputError(
                f"the bands explain {best[0].explained:.0%} of the pan at best: not the same ground, "
                "or far out of register"
            )
        nyquist = _best_nyquist(best, ratio, pool.map)
        sigma = blur_of(nyquist, ratio)
        list(pool.map(lambda one: _place(one, sigma, 3 if register else 0), windows))
    shift, mean, spread = _common_shift(windows) if register else (np.zeros((2, 3)), (0.0, 0.0), 0.0)
    for one in windows:
        one.shift = shift @ np.array([1.0, *one.centre])
    injection, explained = _injection(windows, sigma, ratio)
    return Survey(
        relation=relation.shifted(shift),
        injection=injection,
        shift_px=mean,
        spread_px=spread,
        explained=explained,
        nyquist=nyquist,
        windows=len(windows),
    )


def _places(relation: Relation) -> Iterable[tuple[int, int, int, int]]:
    """Windows of the bands, evenly over the image: column, row, width, height."""
    rows, cols = relation.xs_shape
    along = int(np.ceil(np.sqrt(_MOST_WINDOWS)))
    high, wide = min(_WINDOW_PX, rows), min(_WINDOW_PX, cols)
    down, across = (min(along, max(1, round(size / _WINDOW_PX))) for size in (rows, cols))
    for i in range(down):
        for j in range(across):
            row = (
                round((rows - high) * (i + 0.5) / down)
                if down == 1
                else round((rows - high) * i / (down - 1))
            )
            col = (
                round((cols - wide) * (j + 0.5) / across)
                if across == 1
                else round((cols - wide) * j / (across - 1))
            )
            yield col, row, wide, high


def _window(pair: Pair, col: int, row: int, wide: int, high: int) -> _Window | None:
    relation = pair.relation
    x, y = relation.pan_at(*np.meshgrid(np.arange(col, col + wide), np.arange(row, row + high)))
    reach = int(np.ceil((_SEARCH_PX + 4) * relation.ratio))
    rows, cols = relation.pan_shape
    left, top = max(0, int(x.min()) - reach), max(0, int(y.min()) - reach)
    right, low = min(cols, int(x.max()) + reach), min(rows, int(y.max()) + reach)
    if min(right - left, low - top) < _LEAST_PX * relation.ratio:
        return None
    xs = pair.read_xs(col, row, wide, high)
    pan = pair.read_pan(left, top, right - left, low - top)
    if np.isfinite(xs).all(axis=0).mean() < 0.5 or np.isfinite(pan).mean() < 0.25:
        return None
    return _Window(xs, pan, x - left, y - top, (float(x.mean()), float(y.mean())), np.zeros(2))


def _blurred(of: _Window, sigma: float, shift: Floats) -> Image:
    found: Image = kernels.blur_at(of.pan, of.column + shift[0], of.row + shift[1], sigma)
    return found


def _basis(xs: Image, valid: NDArray[np.bool_]) -> Floats:
    """Orthonormal columns that span the bands and a constant over valid pixels, (pixels, bands + 1)."""
    columns = np.ones((int(valid.sum()), xs.shape[0] + 1))
    columns[:, 1:] = xs[:, valid].T
    columns[:, 1:] -= columns[:, 1:].mean(axis=0)
    basis, _ = np.linalg.qr(columns)
    return basis


def _left(values: Floats, basis: Floats) -> Floats:
    """What the bands do not explain of values (pixels, n)."""
    return values - basis @ (basis.T @ values)


def _search(windows: list[_Window], sigma: float, ratio: float) -> None:
    """Set the windows' shifts to the whole coarse pixel at which the bands explain most, over all windows."""
    reach = _SEARCH_PX
    score = np.zeros((2 * reach + 1, 2 * reach + 1))
    for one in sorted(windows, key=lambda one: -float(np.nanvar(one.pan)))[:4]:
        coarse = _blurred(one, sigma, np.zeros(2))
        inner = np.s_[reach:-reach, reach:-reach]
        if min(coarse.shape) < 4 * reach:
            continue
        level = float(np.nanmean(coarse)) if np.isfinite(coarse).any() else 0.0
        coarse = np.nan_to_num(coarse, nan=level)
        xs = one.xs[(slice(None), *inner)]
        valid: NDArray[np.bool_] = np.asarray(np.isfinite(xs).all(axis=0))
        basis = _basis(xs, valid)
        rows, cols = valid.shape
        for i in range(2 * reach + 1):
            for j in range(2 * reach + 1):
                values = coarse[i : i + rows, j : j + cols][valid].astype(np.float64)
                values -= values.mean()
                power = float(values @ values)
                if power > 0.0:
                    score[i, j] += float(np.sum((basis.T @ values) ** 2)) / power
    down, across = np.unravel_index(int(np.argmax(score)), score.shape)
    for one in windows:
        one.shift = np.array([float(across) - reach, float(down) - reach]) * ratio


def _place(one: _Window, sigma: float, steps: int) -> None:
    """Move a window's shift to where the bands explain most of the pan; note how much that is."""
    there: NDArray[np.bool_] = np.asarray(np.isfinite(one.xs).all(axis=0))
    for step in range(steps + 1):
        last = step == steps
        if last:
            found = _blurred(one, sigma, one.shift)[None]
        else:
            column, row = one.column + one.shift[0], one.row + one.shift[1]
            found = kernels.blur_slopes_at(one.pan, column, row, sigma)
        valid = there & np.isfinite(found[0])
        if valid.sum() < _FEW:
            one.explained = 0.0
            return
        basis = _basis(one.xs, valid)
        values = found[:, valid].T.astype(np.float64)
        left = _left(values, basis)
        power = float(np.sum((values[:, 0] - values[:, 0].mean()) ** 2))
        one.explained = 1.0 - float(left[:, 0] @ left[:, 0]) / max(power, 1e-12)
        if last:
            return
        move = -np.linalg.lstsq(left[:, 1:], left[:, 0], rcond=None)[0]
        size = float(np.hypot(*move))
        one.shift = one.shift + move * min(1.0, _STEP_PX / max(size, 1e-9))
        if size < _STILL_PX:
            return


def _best_nyquist(windows: list[_Window], ratio: float, run: object) -> float:
    """The gain at Nyquist at which the bands explain most, a parabola through the best three."""

    def rest(one: _Window) -> Floats:
        found = []
        for gain in _NYQUIST:
            trial = replace(one)
            _place(trial, blur_of(float(gain), ratio), 0)
            found.append(1.0 - trial.explained)
        return np.array(found)

    left = np.sum(list(run(rest, windows)), axis=0)  # type: ignore[operator]
    best = int(np.argmin(left))
    if best in (0, _NYQUIST.size - 1):
        return float(_NYQUIST[best])
    x, y = np.log(_NYQUIST[best - 1 : best + 2]), left[best - 1 : best + 2]
    bend, slope, _ = np.polyfit(x - x[1], y, 2)
    if bend <= 0.0:
        return float(_NYQUIST[best])
    return float(np.exp(x[1] + np.clip(-0.5 * slope / bend, x[0] - x[1], x[2] - x[1])))


def _common_shift(windows: list[_Window]) -> tuple[Floats, tuple[float, float], float]:
    """Shift (2, 3) of the whole image, its mean, and the rms of the windows about it."""
    told = [one for one in windows if one.explained >= _TELLING]
    if not told:
        return np.zeros((2, 3)), (0.0, 0.0), 0.0
    shifts = np.array([one.shift for one in told])
    places = np.array([(1.0, *one.centre) for one in told])
    weights = np.array([one.explained**2 for one in told])
    middle = np.median(shifts, axis=0)
    off = np.hypot(*(shifts - middle).T)
    kept = off <= max(1.0, 4.0 * float(np.median(off)))
    shifts, places, weights = shifts[kept], places[kept], weights[kept]
    mean = np.average(shifts, axis=0, weights=weights)
    shift = np.zeros((2, 3))
    shift[:, 0] = mean
    spread = _rms(shifts - mean)
    unmoved = _rms(shifts)
    if len(shifts) >= _TO_VARY:
        scaled = places / np.abs(places).max(axis=0)
        solved, *_ = np.linalg.lstsq(scaled * weights[:, None], shifts * weights[:, None], rcond=None)
        modelled = scaled @ solved
        varied = _rms(shifts - modelled)
        if varied < _SAVES * spread and float(np.ptp(modelled, axis=0).max()) > _VARIES_PX:
            shift = (solved / np.abs(places).max(axis=0)[:, None]).T
            spread = varied
    if len(shifts) > 1 and spread > _AGREES * unmoved and unmoved > _VARIES_PX:
        return np.zeros((2, 3)), (0.0, 0.0), unmoved
    return shift, (float(mean[0]), float(mean[1])), spread


def _rms(of: Floats) -> float:
    return float(np.sqrt(np.mean(np.sum(of**2, axis=1))))


def _injection(windows: list[_Window], sigma: float, ratio: float) -> tuple[Injection, float]:
    """Statistics over all windows at their final places."""
    bands = windows[0].xs.shape[0]
    normal, right, power = np.zeros((bands + 1, bands + 1)), np.zeros(bands + 1), np.zeros(3)
    prepared = []
    for one in windows:
        coarse = _blurred(one, sigma, one.shift)
        valid: NDArray[np.bool_] = np.isfinite(one.xs).all(axis=0) & np.isfinite(coarse)
        if valid.sum() < _FEW:
            continue
        known = np.concatenate([one.xs[:, valid], np.ones((1, int(valid.sum())))]).astype(np.float64)
        values = coarse[valid].astype(np.float64)
        normal += known @ known.T
        right += known @ values
        power += np.array([values.size, values.sum(), values @ values])
        prepared.append((fusion.fill(one.xs, valid), fusion.fill(coarse, valid), valid))
    if not prepared:
        raise InputError("pan and bands have no valid ground in common")
    weights = np.linalg.lstsq(normal, right, rcond=1e-12)[0]
    total = power[2] - power[1] ** 2 / power[0]
    if total <= 1e-9 * power[2]:
        raise InputError("the pan is the same all over: it has no detail to sharpen with")
    explained = 1.0 - (power[2] - right @ weights) / max(total, 1e-12)
    own = np.zeros(bands + 1)
    for xs, coarse, valid in prepared:
        pan_detail = fusion.detail(coarse)
        own[:-1] += np.sum((fusion.detail(xs) * pan_detail)[:, valid], axis=1, dtype=np.float64)
        own[-1] += np.sum(pan_detail[valid] ** 2, dtype=np.float64)
    trial = Injection(
        blur_px=sigma,
        ratio=ratio,
        weights=weights,
        gains=own[:-1] / max(own[-1], 1e-12),
        variance=max(float(own[-1] / power[0]), 1e-12),
        noise=np.zeros(bands),
    )
    missing = []
    for xs, coarse, valid in prepared:
        what = fusion.lack(xs, coarse, fusion.coarse_gains(xs, coarse, trial), trial)
        missing.append(fusion.smooth(what * what, fusion.CONTEXT_PX)[:, valid])
    noise = np.quantile(np.concatenate(missing, axis=1), _EVEN, axis=1).astype(np.float64)
    return replace(trial, noise=noise), float(explained)
