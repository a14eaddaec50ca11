"""Radiometric balance of overlapping images: a gain and an offset each, by least squares over overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.imagery.processing.colour.fusion import Image

Floats = NDArray[np.float64]

#: Coarse pixels of an overlap below which it tells nothing.
_FEW = 50
#: Correlation of an overlap below which it tells levels but no contrast.
_ALIKE = 0.5
#: Gains stay within this factor of 1.
_MOST = 2.0
#: Weight of "leave an image as it is" against an overlap of _FEW pixels: settles what overlaps leave open.
_STAY = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """``gains``, ``offsets``: (images, bands), value = gain × count + offset.

    ``before``, ``after``: rms difference in the overlaps as a share of their mean level, NaN without any.
    """

    gains: Floats
    offsets: Floats
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class _Overlap:
    first: int
    second: int
    pixels: int
    mean: Floats  # (2, bands)
    ratio: Floats  # (bands,) contrast of the first over the second's, NaN where it cannot be told


def no_balance(images: int, bands: int) -> Balance:
    """Leave all as they are."""
    return Balance(
        gains=np.ones((images, bands)), offsets=np.zeros((images, bands)), before=np.nan, after=np.nan
    )


def balance(images: Sequence[Image]) -> Balance:
    """Balance images (bands, rows, cols) on one coarse grid, NaN where they see no ground.

    The ratio of contrasts of each overlapping pair, after changed ground is put aside, gives equations for
    the logarithms of gains, the means those for offsets; both are solved for all images at once, the mean
    gain being 1 and the mean change of level 0.
    """
    bands = images[0].shape[0]
    overlaps = [
        one for i in range(len(images)) for j in range(i) if (one := _overlap(images, i, j)) is not None
    ]
    if not overlaps:
        return no_balance(len(images), bands)
    sizes = np.array([float(np.isfinite(image[0]).sum()) for image in images])
    gains, offsets = np.ones((len(images), bands)), np.zeros((len(images), bands))
    for band in range(bands):
        contrast = [
            (one.first, one.second, -float(np.log(one.ratio[band])), one.pixels)
            for one in overlaps
            if np.isfinite(one.ratio[band])
        ]
        gains[:, band] = np.clip(np.exp(_solved(contrast, sizes)), 1.0 / _MOST, _MOST)
        level = []
        for one in overlaps:
            first, second = (
                gains[k, band] * one.mean[n, band] for n, k in enumerate((one.first, one.second))
            )
            level.append((one.first, one.second, float(second - first), one.pixels))
        # A gain turns an image about its own mean, which a neighbour's gain must not move.
        means = np.array([float(np.nanmean(image[band])) for image in images])
        turned = (1.0 - gains[:, band]) * means
        shift = [(i, j, value - (turned[i] - turned[j]), n) for i, j, value, n in level]
        offsets[:, band] = turned + _solved(shift, sizes)
    return Balance(
        gains=gains,
        offsets=offsets,
        before=_difference(images, overlaps, np.ones_like(gains), np.zeros_like(offsets)),
        after=_difference(images, overlaps, gains, offsets),
    )


def _overlap(images: Sequence[Image], i: int, j: int) -> _Overlap | None:
    both = np.isfinite(images[i]).all(axis=0) & np.isfinite(images[j]).all(axis=0)
    if both.sum() < _FEW:
        return None
    first, second = images[i][:, both].astype(np.float64), images[j][:, both].astype(np.float64)
    # What changed between the two (ships, smoke, harvest) lies off the common line: put it aside, twice.
    kept = np.ones(first.shape[1], bool)
    for _ in range(2):
        rest = np.zeros(first.shape[1])
        for a, b in zip(first, second, strict=True):
            one, other = a[kept], b[kept]
            gain = one.std() / max(other.std(), 1e-12)
            off = (a - one.mean()) - gain * (b - other.mean())
            rest = np.maximum(rest, np.abs(off) / max(1.4826 * float(np.median(np.abs(off[kept]))), 1e-12))
        now = rest < 3.5
        if now.sum() < _FEW:
            break
        kept = now
    first, second = first[:, kept], second[:, kept]
    ratio = np.full(first.shape[0], np.nan)
    for band, (a, b) in enumerate(zip(first, second, strict=True)):
        if a.std() > 0.0 and b.std() > 0.0 and np.corrcoef(a, b)[0, 1] > _ALIKE:
            ratio[band] = a.std() / b.std()
    return _Overlap(i, j, int(kept.sum()), np.stack([first.mean(axis=1), second.mean(axis=1)]), ratio)


def _solved(equations: Sequence[tuple[int, int, float, int]], sizes: Floats) -> Floats:
    """x with x[i] − x[j] = value in the weighted least-squares sense; its mean over the images is 0."""
    count = sizes.size
    normal, right = np.eye(count) * _STAY, np.zeros(count)
    for i, j, value, pixels in equations:
        weight = pixels / _FEW
        normal[i, i] += weight
        normal[j, j] += weight
        normal[i, j] -= weight
        normal[j, i] -= weight
        right[i] += weight * value
        right[j] -= weight * value
    found: Floats = np.linalg.solve(normal, right).astype(np.float64)
    # What hangs together keeps its own mean level.
    group = np.arange(count)
    for i, j, _, _ in equations:
        group[group == group[i]] = group[j]
    for one in set(group.tolist()):
        inside = group == one
        found[inside] -= np.average(found[inside], weights=np.maximum(sizes[inside], 1.0))
    return found


def _difference(
    images: Sequence[Image], overlaps: Sequence[_Overlap], gains: Floats, offsets: Floats
) -> float:
    total, pixels, level = 0.0, 0, 0.0
    for one in overlaps:
        both = np.isfinite(images[one.first]).all(axis=0) & np.isfinite(images[one.second]).all(axis=0)
        made = [gains[k][:, None] * images[k][:, both] + offsets[k][:, None] for k in (one.first, one.second)]
        total += float(np.sum((made[0] - made[1]) ** 2))
        level += float(np.sum(np.abs(made[0] + made[1]) / 2.0))
        pixels += made[0].size
    return float(np.sqrt(total / pixels) / max(level / pixels, 1e-12))
