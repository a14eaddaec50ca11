"""How near one image is to another, and how a sharpened image keeps colour and detail.

With a reference (Wald's protocol: fuse the pair degraded by the ratio, compare with the original):
RMSE, ERGAS (Wald 2000), SAM (Yuhas et al. 1992), Q, the universal quality index (Wang & Bovik 2002), and
Q2n, its form for vectors of 2ⁿ bands (Alparone et al. 2004; Garzelli & Nencini 2009).
Without one, at full scale: D_lambda, D_s and QNR (Alparone et al. 2008).

Images are (bands, rows, cols). Pixels that are NaN in any band of any argument count in nothing. Indices of
windows are means over whole windows, side by side, of ``window`` pixels; windows with less than half their
pixels are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedScale:
    """Quality against a reference.

    ``rmse``: per band, in counts. ``ergas``: 0 is perfect. ``sam_deg``: mean spectral angle, degrees.
    ``q``: Q2n, 1 is perfect. ``correlation``: mean over bands.
    """

    rmse: tuple[float, ...]
    ergas: float
    sam_deg: float
    q: float
    correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FullScale:
    """Quality without a reference: ``d_lambda`` and ``d_s`` (0 is perfect), ``qnr`` (1 is perfect)."""

    d_lambda: float
    d_s: float
    qnr: float


def rmse(image: ArrayLike, reference: ArrayLike) -> Floats:
    """Root mean square difference per band, (bands,)."""
    made, true = _pair(image, reference)
    found: Floats = np.sqrt(np.nanmean((made - true) ** 2, axis=(1, 2)))
    return found


def ergas(image: ArrayLike, reference: ArrayLike, ratio: float = 4.0) -> float:
    """Relative dimensionless global error in synthesis, per cent: 100/ratio · √mean((RMSE/mean)²)."""
    made, true = _pair(image, reference)
    error = np.nanmean((made - true) ** 2, axis=(1, 2))
    return float(100.0 / ratio * np.sqrt(np.mean(error / np.nanmean(true, axis=(1, 2)) ** 2)))


def spectral_angle_deg(image: ArrayLike, reference: ArrayLike) -> float:
    """Mean angle between the spectra of pixels, degrees; pixels that are black in either do not count."""
    made, true = _pair(image, reference)
    norms = np.sqrt(np.sum(made**2, axis=0) * np.sum(true**2, axis=0))
    seen = norms > 0.0
    if not seen.any():
        raise InputError("no pixel has a spectrum in both images: no spectral angle")
    cosine = np.sum(made * true, axis=0)[seen] / norms[seen]
    return float(np.degrees(np.mean(np.arccos(np.clip(cosine, -1.0, 1.0)))))


def correlation(image: ArrayLike, reference: ArrayLike) -> float:
    """Mean over bands of the correlation coefficient."""
    made, true = _pair(image, reference)
    found = []
    for one, other in zip(made, true, strict=True):
        kept = np.isfinite(one)
        found.append(np.corrcoef(one[kept], other[kept])[0, 1])
    return float(np.mean(found))


def quality_index(image: ArrayLike, reference: ArrayLike, window: int = 32) -> float:
    """Q of two single-band images, (rows, cols): correlation × luminance × contrast, mean over windows."""
    made, true = _pair(np.asarray(image)[None], np.asarray(reference)[None])
    return float(np.mean(_vector_index(made, true, window)))


def vector_quality_index(image: ArrayLike, reference: ArrayLike, window: int = 32) -> float:
    """Q2n: Q of vectors, bands as the parts of a hypercomplex number (zeros fill up to 2ⁿ)."""
    made, true = _pair(image, reference)
    return float(np.mean(_vector_index(made, true, window)))


def reduced_scale(
    image: ArrayLike, reference: ArrayLike, *, ratio: float = 4.0, window: int = 32
) -> ReducedScale:
    """All figures against a reference, (bands, rows, cols) both."""
    return ReducedScale(
        rmse=tuple(float(value) for value in rmse(image, reference)),
        ergas=ergas(image, reference, ratio),
        sam_deg=spectral_angle_deg(image, reference),
        q=vector_quality_index(image, reference, window),
        correlation=correlation(image, reference),
    )


def full_scale(
    sharpened: ArrayLike, pan: ArrayLike, xs: ArrayLike, pan_at_xs: ArrayLike, *, window: int = 32
) -> FullScale:
    """QNR of a sharpened image.

    ``sharpened`` (bands, rows, cols) and ``pan`` (rows, cols) at the fine scale; ``xs`` (bands, r, c) as
    acquired and ``pan_at_xs`` (r, c), the pan degraded with the sensor's MTF onto the same coarse pixels.
    Windows of ``window`` fine pixels and of as many coarse pixels as cover the same ground.
    """
    fine, coarse = np.asarray(sharpened, np.float64), np.asarray(xs, np.float64)
    if fine.shape[0] != coarse.shape[0]:
        raise InputError(f"{fine.shape[0]} bands sharpened, {coarse.shape[0]} acquired: not the same image")
    small = max(4, round(window * np.sqrt(coarse[0].size / fine[0].size)))
    bands = fine.shape[0]
    spectral = [
        abs(quality_index(fine[i], fine[j], window) - quality_index(coarse[i], coarse[j], small))
        for i in range(bands)
        for j in range(i)
    ]
    spatial = [
        abs(quality_index(fine[i], pan, window) - quality_index(coarse[i], pan_at_xs, small))
        for i in range(bands)
    ]
    d_lambda = float(np.mean(spectral)) if spectral else 0.0
    d_s = float(np.mean(spatial))
    return FullScale(d_lambda=d_lambda, d_s=d_s, qnr=(1.0 - d_lambda) * (1.0 - d_s))


def _pair(image: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats]:
    made, true = np.array(image, np.float64), np.array(reference, np.float64)
    if made.shape != true.shape or made.ndim != 3:
        raise InputError(f"images of shapes {made.shape} and {true.shape}: not the same (bands, rows, cols)")
    gone = ~(np.isfinite(made).all(axis=0) & np.isfinite(true).all(axis=0))
    if gone.all():
        raise InputError("no pixel is valid in both images: nothing to compare")
    made[:, gone] = np.nan
    true[:, gone] = np.nan
    return made, true


def _windows(image: Floats, window: int) -> Floats:
    """(bands, windows, pixels) of the whole windows, side by side from the first pixel."""
    bands, rows, cols = image.shape
    high, wide = min(window, rows), min(window, cols)
    down, across = rows // high, cols // wide
    cut = image[:, : down * high, : across * wide].reshape(bands, down, high, across, wide)
    return cut.transpose(0, 1, 3, 2, 4).reshape(bands, down * across, high * wide)


def _vector_index(made: Floats, true: Floats, window: int) -> Floats:
    """Q of each window, (windows,)."""
    bands = made.shape[0]
    parts = 1 << (bands - 1).bit_length()
    first, second = _windows(made, window), _windows(true, window)
    enough = np.isfinite(first[0]).mean(axis=1) >= 0.5
    if not enough.any():
        raise InputError(f"no window of {window} pixels is at least half valid: nothing to compare")
    first, second = first[:, enough], second[:, enough]
    if parts > bands:
        blank = np.zeros((parts - bands, *first.shape[1:]))
        first, second = np.concatenate([first, blank]), np.concatenate([second, blank])
    mean1, mean2 = np.nanmean(first, axis=2), np.nanmean(second, axis=2)
    first, second = first - mean1[..., None], second - mean2[..., None]
    power1 = np.nanmean(np.sum(first**2, axis=0), axis=1)
    power2 = np.nanmean(np.sum(second**2, axis=0), axis=1)
    shared = np.nanmean(_product(first, _conjugate(second)), axis=2)
    length1, length2 = np.sum(mean1**2, axis=0), np.sum(mean2**2, axis=0)
    # A scalar covariance keeps its sign: bands that move against each other are not alike.
    cross = shared[0] if parts == 1 else np.sqrt(np.sum(shared**2, axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        contrast = 2.0 * cross / (power1 + power2)
        light = 2.0 * np.sqrt(length1 * length2) / (length1 + length2)
    # Two windows without any contrast are alike in contrast; two without light, in light.
    contrast = np.where(power1 + power2 > 0.0, contrast, 1.0)
    light = np.where(length1 + length2 > 0.0, light, 1.0)
    found: Floats = contrast * light
    return found


def _conjugate(number: Floats) -> Floats:
    turned = -number
    turned[0] = number[0]
    return turned


def _product(a: Floats, b: Floats) -> Floats:
    """Product of hypercomplex numbers, parts along the first axis, by Cayley and Dickson's doubling."""
    parts = a.shape[0]
    if parts == 1:
        return a * b
    half = parts // 2
    a1, a2, b1, b2 = a[:half], a[half:], b[:half], b[half:]
    return np.concatenate(
        [
            _product(a1, b1) - _product(_conjugate(b2), a2),
            _product(b2, a1) + _product(a2, _conjugate(b1)),
        ]
    )
