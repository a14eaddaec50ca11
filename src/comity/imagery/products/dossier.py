"""The papers of a product: quicklook, thumbnail, quality record and page, STAC Item."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from shapely.geometry.base import BaseGeometry

import comity
from comity.core import InputError, write_whole
from comity.imagery.processing.masks import CLASSES, CLEAR, CLOUD, NODATA, SHADOW, WATER, MaskFigures
from comity.imagery.processing.pansharpen import PansharpenResult
from comity.imagery.processing.readout import Readout
from comity.imagery.processing.surface import METHODS
from comity.imagery.products.area import Coverage
from comity.imagery.products.facts import SceneFacts
from comity.imagery.products.files import json_bytes
from comity.imagery.products.inputs import ProductInputs
from comity.imagery.products.laying import Laid
from comity.imagery.products.measures import BandSignal, GeometricError
from comity.imagery.products.product_item import product_item, sha256
from comity.imagery.products.quicklook import quicklook_png
from comity.imagery.products.report import report_html
from comity.imagery.products.schemas import validate_item

MARK = "SIMULATED"
_CLASS_COLOURS = {
    NODATA: (12, 14, 17),
    CLEAR: (126, 134, 110),
    WATER: (58, 120, 200),
    SHADOW: (70, 62, 92),
    CLOUD: (242, 244, 247),
}
_BINS = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """``written``: the files. ``record``: the quality record; ``item``: the STAC Item."""

    written: tuple[Path, ...]
    record: dict[str, Any]
    item: dict[str, Any]


def write(
    folder: Path,
    name: str,
    *,
    image: Path,
    mask: Path,
    inputs: ProductInputs,
    facts: SceneFacts,
    area: BaseGeometry,
    cover: Coverage,
    masked: MaskFigures,
    error: GeometricError | None,
    signals: Sequence[BandSignal],
    sharpened: PansharpenResult,
    ortho: Laid,
    surface: str | None,
) -> Papers:
    """Write the papers of ``image`` and ``mask`` into ``folder``, the Item last.

    Raises :class:`InputError` when an image is no strict COG or the Item breaks a schema.
    """
    for path in (image, mask):
        check_cog(path)
    grid, bands, histogram = _described(image)
    simulated = facts.simulated
    notes = [*masked.notes, *sharpened.notes, *ortho.notes]
    if not grid["is_reflectance"] and not grid["quantity"]:
        notes.append("Values are the sensor's counts, not reflectance: they do not compare between dates.")
    if error is None:
        notes.append("The error of location is not measured: no reference was given.")
    picture, small, classes = _pictures(image, mask, name, facts, masked, grid)
    paths = {
        "quicklook": write_whole(folder / f"{name}.png", picture),
        "thumbnail": write_whole(folder / f"{name}.thumbnail.png", small),
    }
    record: dict[str, Any] = {
        "product": name,
        "simulated": simulated,
        "simulated_what": "the acquisition itself: its pixels were made, not taken." if simulated else "",
        "level": "L2A" if surface else "L1C",
        "acquisition": _acquisition(facts),
        "grid": {key: value for key, value in grid.items() if key not in ("is_reflectance", "quantity")},
        "coverage": {"asked_km2": cover.asked_km2, "fraction": cover.fraction},
        "geometry": {
            "pan": inputs.pan.geometry,
            "xs": inputs.xs.geometry,
            "dem": inputs.dem.path.name,
            "geoid": inputs.dem.geoid.name if inputs.dem.geoid else "none: heights above the ellipsoid",
            "resampling": ortho.resampling,
            "error": _error(error),
        },
        "radiometry": {
            "quantity": _quantity(grid, surface),
            "pansharpening": _sharpening(sharpened),
            **_judged(sharpened),
            "bands": bands,
            "histogram_range": histogram,
            "signal_to_noise": [
                {"band": one.band, "snr": one.snr, "signal": one.signal, "noise": one.noise}
                for one in signals
            ],
        },
        "mask": {
            "cloud": masked.cloud,
            "shadow": masked.shadow,
            "water": masked.water,
            "usable": masked.usable,
            "valid": masked.valid,
            "values": masked.values,
            "cloud_height_m": masked.cloud_height_m,
            "classes": [
                {
                    "value": value,
                    "name": CLASSES[value],
                    "colour": _hex(_CLASS_COLOURS[value]),
                    "fraction": fraction,
                }
                for value, fraction in (
                    (CLEAR, masked.usable - masked.water),
                    (WATER, masked.water),
                    (SHADOW, masked.shadow),
                    (CLOUD, masked.cloud),
                )
            ],
        },
        "inputs": [
            {"role": role, "name": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)}
            for role, path in (
                ("panchromatic", inputs.pan.path),
                ("multispectral", inputs.xs.path),
                ("elevation", inputs.dem.path),
                ("area", inputs.area_file),
                *((("metadata", inputs.metadata),) if inputs.metadata else ()),
            )
        ],
        "files": [
            {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)}
            for path in (image, mask, *paths.values())
        ],
        "notes": [_sentence(note) for note in notes],
        "software": {"comity": comity.__version__},
    }
    paths["figures"] = write_whole(folder / f"{name}.quality.json", json_bytes(record))
    page = report_html(record, quicklook=picture, mask=classes).encode()
    paths["report"] = write_whole(folder / f"{name}.quality.html", page)
    document = product_item(name, image, mask, paths, record, facts, cover, inputs.pan.model, grid, bands)
    validate_item(document)
    paths["item"] = write_whole(folder / f"{name}.json", json_bytes(document))
    return Papers(written=tuple(paths.values()), record=record, item=document)


def check_cog(path: Path) -> None:
    """Refuse a file that is no Cloud-Optimised GeoTIFF by ``rio cogeo validate --strict``."""
    from rio_cogeo.cogeo import cog_validate

    valid, errors, warnings = cog_validate(str(path), strict=True, quiet=True)
    if not valid:
        raise InputError(f"{path} is no strict COG: {'; '.join((*errors, *warnings))}")


def pixel_of(image: Path) -> float:
    """Side of a pixel of a map image, m."""
    with rasterio.open(image) as file:
        return _pixel(file)


def _pixel(file: Any) -> float:
    unit = 1.0 if file.crs is None or not file.crs.is_projected else float(file.crs.linear_units_factor[1])
    side = math.sqrt(abs(file.transform.determinant)) * unit
    return side if file.crs is None or file.crs.is_projected else side * 111_320.0


def _described(image: Path) -> tuple[dict[str, Any], list[dict[str, Any]], list[float]]:
    """Grid, and each band with its statistics and a histogram over the whole image, thinned."""
    with rasterio.open(image) as file:
        shrink = max(1.0, math.sqrt(file.width * file.height / 1_000_000))
        shape = (max(1, round(file.height / shrink)), max(1, round(file.width / shrink)))
        counts = file.read(out_shape=(file.count, *shape), resampling=Resampling.nearest)
        valid = (file.read_masks(out_shape=(file.count, *shape)) != 0).all(axis=0)
        quantity = file.tags().get("COMITY_QUANTITY")
        pixel = _pixel(file)
        grid = {
            "crs": _code(file.crs),
            "pixel_m": float(f"{pixel:.6g}"),
            "width": file.width,
            "height": file.height,
            "transform": list(file.transform)[:6],
            "bounds": list(file.bounds),
            "dtype": file.dtypes[0],
            # JSON has no NaN: STAC writes its name.
            "nodata": "nan" if file.nodata is not None and math.isnan(file.nodata) else file.nodata,
            "is_reflectance": Readout(image).is_reflectance,
            "quantity": quantity,
        }
        seen = counts[:, valid]
        low, high = (float(one) for one in np.percentile(seen, (0.1, 99.7))) if seen.size else (0.0, 1.0)
        bands = []
        for number, name in enumerate(file.descriptions):
            scale, offset = file.scales[number], file.offsets[number]
            told = {
                key.removeprefix("STATISTICS_").lower(): value for key, value in file.tags(number + 1).items()
            }
            histogram, _ = np.histogram(seen[number], bins=_BINS, range=(low, max(high, low + 1e-6)))
            bands.append(
                {
                    "name": name,
                    **{
                        key: float(told[part]) * scale + (offset if key != "stddev" else 0.0)
                        for key, part in (
                            ("minimum", "minimum"),
                            ("maximum", "maximum"),
                            ("mean", "mean"),
                            ("stddev", "stddev"),
                        )
                        if part in told
                    },
                    "valid_percent": float(told.get("valid_percent", 0.0)),
                    "scale": scale,
                    "offset": offset,
                    "histogram": [int(one) for one in histogram],
                }
            )
        if not seen.size or any("mean" not in band for band in bands):
            raise InputError(f"{image} has no valid pixel: the area shows nothing of the image")
        first = bands[0]
        ends = [low * first["scale"] + first["offset"], high * first["scale"] + first["offset"]]
    return grid, bands, ends


def _pictures(
    image: Path, mask: Path, name: str, facts: SceneFacts, masked: MaskFigures, grid: Mapping[str, Any]
) -> tuple[bytes, bytes, bytes]:
    """Quicklook with its caption, thumbnail, picture of the classes."""
    from PIL import Image

    assert facts.start is not None
    mark = MARK if facts.simulated else None
    lines = [
        f"{name} · {facts.platform or 'platform not stated'} · {facts.start.iso(0)}",
        f"Pixel {grid['pixel_m']:.4g} m · {grid['crs']} · cloud {100 * masked.cloud:.0f} % · "
        f"usable {100 * masked.usable:.0f} %",
    ]
    plain = not grid["is_reflectance"]
    with rasterio.open(image) as file:
        picture = quicklook_png(file, None, lines, mark, masked.cloud, counts_only=plain)
        tiny = quicklook_png(file, None, [], mark, masked.cloud, size_px=256, counts_only=plain, banner=False)
    with rasterio.open(mask) as file:
        shrink = max(1.0, max(file.width, file.height) / 1024)
        shape = (max(1, round(file.height / shrink)), max(1, round(file.width / shrink)))
        classes: NDArray[np.uint8] = file.read(1, out_shape=shape, resampling=Resampling.nearest)
    table = np.zeros((256, 3), np.uint8)
    for value, colour in _CLASS_COLOURS.items():
        table[value] = colour
    stream = io.BytesIO()
    Image.fromarray(table[classes]).save(stream, "PNG", optimize=True)
    return picture, tiny, stream.getvalue()


def _acquisition(facts: SceneFacts) -> dict[str, Any]:
    assert facts.start is not None

    def degrees(value: float | None) -> str | None:
        return None if value is None else f"{value:.2f}°"

    return {
        "datetime": facts.start.iso(),
        "platform": facts.platform,
        "instruments": ", ".join(facts.instruments) or None,
        "sun_elevation": degrees(facts.sun_elevation_deg),
        "sun_azimuth": degrees(facts.sun_azimuth_deg),
        "incidence": degrees(facts.incidence_deg),
        "view_azimuth": degrees(facts.view_azimuth_deg),
        "off_nadir": degrees(facts.off_nadir_deg),
        "orbit_state": facts.orbit_state,
        "providers": "; ".join(f"{name} ({role})" for name, role in facts.providers) or None,
        "licence": facts.licence,
        "facts_from": "; ".join(facts.sources) or None,
    }


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _hex(colour: tuple[int, int, int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)


def _error(error: GeometricError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    east, north = error.bias_m
    return {
        "method": error.method,
        "points": len(error.residuals),
        "rejected": error.rejected,
        "bias_east_m": east,
        "bias_north_m": north,
        "rms_m": error.rms_m,
        "rms_px": error.rms_px,
        "ce90_m": error.ce90_m,
        "residuals": [
            {
                "id": one.id,
                "lon": one.lon_deg,
                "lat": one.lat_deg,
                "east_m": one.east_m,
                "north_m": one.north_m,
            }
            for one in error.residuals
        ],
    }


def _quantity(grid: Mapping[str, Any], surface: str | None) -> str:
    if surface:
        return f"surface reflectance × 10 000, {METHODS[surface]}"
    if grid["quantity"]:
        return str(grid["quantity"])
    if grid["is_reflectance"]:
        return "top-of-atmosphere reflectance"
    return "counts of the sensor, not calibrated"


def _sharpening(result: PansharpenResult) -> str:
    column, row = result.shift_px
    return (
        f"context-based MTF-GLP; bands moved by {column:+.2f}, {row:+.2f} pan pixels to fit, "
        f"{100 * result.explained:.0f} % of the pan told by the bands"
    )


def _judged(result: PansharpenResult) -> dict[str, float]:
    """How good the sharpening is, by Wald's protocol and without a reference, where it was judged."""
    judged = result.assessment
    if judged is None:
        return {}
    return {"ergas": judged.reduced.ergas, "sam_deg": judged.reduced.sam_deg, "qnr": judged.full.qnr}


def _code(crs: Any) -> str:
    code = crs.to_epsg() if crs is not None else None
    return f"EPSG:{code}" if code else str(crs)
