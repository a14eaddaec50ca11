"""Pansharpening of arrays: detail of the pan injected into the bands by context, then made consistent.

A generalised Laplacian pyramid with a filter matched to the sensor (Aiazzi et al. 2006): the pan is blurred
to what the bands see; what the blur takes away is the detail. The gain of each band is the regression of its
own detail on the pan's, in a neighbourhood (context-based decision: Aiazzi et al. 2002, 2006), pulled to that
of the whole image where the neighbourhood says little. The result, blurred again, should give the acquired
bands (Wald's first property): what is missing is added back, by iteration (Irani & Peleg 1991), as far as it
stands out of the noise; adding back all of it would magnify the colour noise of even ground.

All but the injection itself happens on the coarse pixels.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.imagery.processing.colour import kernels

Image = NDArray[np.float32]
Positions = NDArray[np.float64]

#: Coarse pixels: what counts as detail of a coarse image, and the neighbourhood (both Gaussian sigmas).
DETAIL_PX, CONTEXT_PX = 1.3, 2.0
#: How much of the image's mean variance of detail backs the regression of a neighbourhood.
BACKING = 0.1
#: Rounds of adding back what the sharpened image lacks of the acquired bands.
ROUNDS = 3
#: Pan pixels between the nodes from which positions are interpolated.
NODE_STEP = 16
#: Coarse pixels around a block that its own pixels depend on.
MARGIN_PX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """What sharpening must know of a whole image.

    ``blur_px``: sigma of the Gaussian that makes bands' sharpness of the pan's, pan pixels. ``ratio``: pan
    pixels per coarse pixel. ``weights``: (bands + 1,) regression of the blurred pan on the bands, constant
    last. ``gains``: (bands,) of detail, over the image; ``variance``: mean variance of the blurred pan's
    detail. ``noise``: (bands,) variance of the lack that counts as noise.
    """

    blur_px: float
    ratio: float
    weights: NDArray[np.float64]
    gains: NDArray[np.float64]
    variance: float
    noise: NDArray[np.float64]


def smooth(image: Image, sigma: float) -> Image:
    """Gaussian mean over the last two axes, cut at three sigmas."""
    from scipy.ndimage import gaussian_filter1d

    first = gaussian_filter1d(image, sigma, axis=-1, mode="nearest", truncate=3.0)
    found: Image = gaussian_filter1d(first, sigma, axis=-2, mode="nearest", truncate=3.0)
    return found


def detail(image: Image) -> Image:
    """What a coarse image holds beyond its smooth form."""
    found: Image = image - smooth(image, DETAIL_PX)
    return found


def fill(image: Image, valid: NDArray[np.bool_]) -> Image:
    """An image (..., rows, cols) whose invalid pixels take the value of the nearest valid one."""
    if valid.all():
        return image
    if not valid.any():
        return np.zeros_like(image)
    from scipy.ndimage import distance_transform_edt

    rows, cols = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    found: Image = image[..., rows, cols]
    return found


def predicted_pan(xs: Image, weights: NDArray[np.float64]) -> Image:
    """The blurred pan as the bands (bands, rows, cols) tell it."""
    found: Image = (np.tensordot(weights[:-1], xs, 1) + weights[-1]).astype(np.float32)
    return found


def coarse_gains(xs: Image, coarse: Image, of: Injection) -> Image:
    """Gain of each band's detail on the pan's around each coarse pixel, (bands, rows, cols)."""
    pan_detail, backing = detail(coarse), BACKING * of.variance
    variance = smooth(pan_detail * pan_detail, CONTEXT_PX)
    shared = smooth(detail(xs) * pan_detail, CONTEXT_PX)
    backed = shared + (backing * of.gains).astype(np.float32)[:, None, None]
    found: Image = backed / np.maximum(variance + np.float32(backing), np.float32(1e-6))
    return found


def lack(xs: Image, coarse: Image, gains: Image, of: Injection) -> Image:
    """What the bands have and the merely injected image, blurred, has not."""
    taps = _seen_again(of.blur_px / of.ratio)
    found: Image = xs - _correlate(xs, taps) - gains * (coarse - _correlate(coarse, taps))
    return found


def added_back(missing: Image, of: Injection) -> Image:
    """The correction of the bands that brings back what is missing, as far as it is not noise."""
    taps = _seen_again(of.blur_px / of.ratio)
    power = np.maximum(smooth(missing * missing, CONTEXT_PX), np.float32(1e-12))
    trust = np.clip(1.0 - of.noise.astype(np.float32)[:, None, None] / power, 0.0, 1.0)
    added = np.zeros_like(missing)
    for _ in range(ROUNDS):
        added += trust * (missing - _correlate(added, taps))
    return added


def sharpen(
    pan: Image,
    xs: Image,
    pan_at: tuple[Positions, Positions],
    nodes: tuple[Positions, Positions],
    of: Injection,
    *,
    inner: tuple[slice, slice] = (slice(None), slice(None)),
) -> Image:
    """The bands (bands, n, m) at the pixels of the pan (rows, cols); NaN where either has no data.

    ``inner``: the rows and columns of the pan that are wanted; the rest is only read.

    ``pan_at``: column and row of the pan where the centre of each coarse pixel lies, (n, m) each. ``nodes``:
    column and row of the coarse image at wanted pixels (i·NODE_STEP, j·NODE_STEP), one node beyond the last.
    Pixels nearer than MARGIN_PX coarse pixels to an edge of the arrays, if it is none of the image, are not
    final.
    """
    bands = xs.shape[0]
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(xs).all(axis=0))
    xs = fill(xs, seen)
    coarse = kernels.blur_at(pan, *pan_at, of.blur_px)
    dark = ~np.isfinite(coarse)
    if dark.any():
        coarse = np.where(dark, predicted_pan(xs, of.weights), coarse)
    gains = coarse_gains(xs, coarse, of)
    corrected = xs + added_back(lack(xs, coarse, gains, of), of)
    stacked = np.ascontiguousarray(np.concatenate([corrected, coarse[None]]).transpose(1, 2, 0))
    kernels.spline_coefficients(stacked)
    wanted = np.ascontiguousarray(pan[inner])
    out = np.empty((bands, *wanted.shape), np.float32)
    kernels.inject(
        wanted,
        stacked,
        np.ascontiguousarray(gains.transpose(1, 2, 0)),
        seen.astype(np.uint8),
        *nodes,
        NODE_STEP,
        out,
    )
    return out


@functools.lru_cache(maxsize=64)
def _seen_again(sigma: float) -> NDArray[np.float32]:
    """Taps of a coarse image interpolated by cubic spline and blurred again, ``sigma`` in coarse pixels."""
    from scipy.ndimage import map_coordinates

    reach, fine = int(np.ceil(4.0 * sigma)) + 2, 16
    one = np.zeros(4 * reach + 1)
    one[2 * reach] = 1.0
    places = np.arange(-reach * fine, reach * fine + 1) / fine
    bell = np.exp(-0.5 * (places / sigma) ** 2) if sigma > 0.0 else (places == 0.0).astype(float)
    taps = np.array(
        [
            bell @ map_coordinates(one, [places + 2 * reach + offset], order=3, mode="mirror")
            for offset in range(-reach, reach + 1)
        ]
    )
    found: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return found


def _correlate(image: Image, taps: NDArray[np.float32]) -> Image:
    from scipy.ndimage import correlate1d

    found: Image = correlate1d(
        correlate1d(image, taps, axis=-1, mode="nearest"), taps, axis=-2, mode="nearest"
    )
    return found
