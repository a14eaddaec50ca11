"""What was read as a picture: colours for three bands, a named ramp with its legend for one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError
from comity.imagery.reading.expression import Floats
from comity.imagery.reading.source import Source
from comity.imagery.reading.views import View

if TYPE_CHECKING:
    from PIL.Image import Image

Ramp = Literal["grey", "green", "water", "change"]
#: Colours at equal steps from the low to the high end.
_RAMPS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "grey": ((0, 0, 0), (255, 255, 255)),
    "green": ((120, 72, 40), (205, 170, 125), (245, 240, 210), (140, 190, 90), (20, 110, 40), (0, 60, 20)),
    "water": ((150, 110, 70), (225, 205, 175), (245, 245, 245), (120, 185, 225), (20, 90, 170), (5, 35, 95)),
    "change": ((130, 20, 60), (215, 110, 90), (245, 245, 245), (95, 160, 190), (15, 70, 130)),
}
#: Index → ramp and the values at its ends.
STYLES: dict[str, tuple[Ramp, float, float]] = {
    "ndvi": ("green", -0.2, 0.9), "savi": ("green", -0.2, 0.9), "evi2": ("green", -0.2, 0.9),
    "ndwi": ("water", -0.7, 0.7), "mndwi": ("water", -0.7, 0.7), "ndmi": ("water", -0.7, 0.7),
    "ndsi": ("water", -0.7, 0.7), "nbr": ("green", -0.5, 0.9),
}  # fmt: skip
_LOW, _HIGH = 2.0, 98.0
_LEGEND_PX = 46


def colour_bands(source: Source) -> tuple[str, ...]:
    """The bands of a source to show: red, green, blue where it has them, else its first."""
    for names in (("red", "green", "blue"), ("nir", "red", "green")):
        try:
            return tuple(source.band(name).names[0] for name in names)
        except InputError:
            continue
    return (source.bands[0].names[0],)


def stretch(values: Floats) -> tuple[tuple[float, float], ...]:
    """The 2nd and 98th percentile of each band (bands, rows, cols); 0 … 1 for a band without values."""
    ends = []
    for band in values:
        valid = band[np.isfinite(band)]
        low, high = (0.0, 1.0) if valid.size == 0 else np.percentile(valid, (_LOW, _HIGH))
        ends.append((float(low), float(high if high > low else low + 1.0)))
    return tuple(ends)


def picture(
    view: View,
    *,
    ends: tuple[tuple[float, float], ...] | None = None,
    ramp: Ramp = "grey",
    legend: str | None = None,
) -> bytes:
    """A PNG of one band in a ramp's colours, or of three as red, green, blue; no value is transparent.

    ``ends``: the values shown darkest and brightest, for each band (default: :func:`stretch` of the view).
    ``legend``: a title; with it, a scale stands below the picture of one band.
    """
    if len(view.values) not in (1, 3):
        raise InputError(f"a picture shows 1 or 3 bands, not {len(view.values)}: choose with bands")
    from PIL import Image

    ends = ends or stretch(view.values)
    shares = np.stack(
        [(band - low) / (high - low) for band, (low, high) in zip(view.values, ends, strict=True)]
    )
    valid = np.isfinite(shares).all(axis=0)
    shares = np.clip(np.nan_to_num(shares), 0.0, 1.0)
    colours = _ramp(ramp, shares[0]) if len(shares) == 1 else np.moveaxis(shares * 255.0, 0, -1)
    pixels = np.dstack([np.rint(colours), np.where(valid, 255, 0)]).astype(np.uint8)
    image = Image.fromarray(pixels)
    if legend is not None and len(shares) == 1:
        image = _with_legend(image, legend, ramp, ends[0])
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return content.getvalue()


def _ramp(name: str, shares: NDArray[np.floating]) -> NDArray[np.float64]:
    stops = np.array(_RAMPS[name], float)
    at = np.linspace(0.0, 1.0, len(stops))
    return np.dstack([np.interp(shares, at, stops[:, channel]) for channel in range(3)])


def _with_legend(image: Image, title: str, ramp: Ramp, ends: tuple[float, float]) -> Image:
    from PIL import Image, ImageDraw, ImageFont

    width = max(image.width, 260)
    whole = Image.new("RGBA", (width, image.height + _LEGEND_PX), (255, 255, 255, 255))
    whole.paste(image, (0, 0), image)
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(12)
    top = image.height + 4
    draw.text((6, top), title, fill=(0, 0, 0, 255), font=font)
    bar = np.broadcast_to(np.linspace(0.0, 1.0, width - 12)[None, :], (8, width - 12))
    scale = Image.fromarray(_ramp(ramp, bar).round().astype(np.uint8)).convert("RGBA")
    whole.paste(scale, (6, top + 17))
    for share, anchor in ((0.0, "la"), (0.5, "ma"), (1.0, "ra")):
        value = ends[0] + share * (ends[1] - ends[0])
        place = (6 + share * (width - 12), top + 27)
        draw.text(place, f"{value:.3g}", fill=(0, 0, 0, 255), font=font, anchor=anchor)
    return whole
