"""Pansharpening from file to file: a pan and bands of one ground, in sensor geometry or on a map.

The method is in ``colour.fusion``, what it must know of the image in ``colour.survey``. What comes out lies
in the pan's own geometry, pixel by pixel: of a sensor-geometry pair it keeps the pan's model and is
orthorectified afterwards, so that light is resampled to the map once.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.transform import Affine
from rasterio.windows import Window

from comity.core import InputError, Progress, silent, write_whole
from comity.imagery.gdal import bounded_cache
from comity.imagery.geometry.images import SensorImage, open_image
from comity.imagery.geometry.location import Relief, locate_on
from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.rpc_files import to_tag
from comity.imagery.processing.blocks import fingerprint, processors, write_cog
from comity.imagery.processing.colour.assess import Assessment, assess, sharpened
from comity.imagery.processing.colour.fusion import Image
from comity.imagery.processing.colour.relation import Floats, Heights, Relation, grid_relation, model_relation
from comity.imagery.processing.colour.sheets import Sheet, counts_of, out_nodata
from comity.imagery.processing.colour.survey import Survey, survey
from comity.imagery.processing.provenance import inherited, keep_apart
from comity.imagery.processing.raster import RasterLayout

#: A change here makes new files of old recipes.
_METHOD = "pansharpen 1: context-based MTF-GLP, consistent"
#: Pan pixels by which relief may shift the bands against the pan before a DEM is asked for.
_PARALLAX_PX = 0.5
#: Share of the pan the bands tell below which something is odd.
_LITTLE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class PansharpenResult:
    """What came of :func:`pansharpen`.

    ``geometry``: in words, what the pixels are tied to the ground by. ``ratio``: pan pixels per band pixel.
    ``shift_px``: (column, row) by which the bands were found to lie off their geometry, pan pixels, and
    corrected; ``spread_px``: rms about it of the windows it was measured in. ``explained``: share of the
    blurred pan's variance that the bands tell; ``weights``: of the bands in it. ``nyquist``: gain, at the
    bands' Nyquist frequency, of the filter that makes the bands' sharpness of the pan's. ``parallax_px``: how
    far relief within the models' heights moves bands against pan, where no DEM was given. ``notes``: what the
    user should know. ``assessment``: the method judged on this pair, where asked for and
    there is enough of it.
    """

    path: Path
    bands: tuple[str, ...]
    width: int
    height: int
    geometry: str
    ratio: float
    shift_px: tuple[float, float]
    spread_px: float
    explained: float
    nyquist: float
    weights: tuple[float, ...]
    parallax_px: float
    notes: tuple[str, ...]
    assessment: Assessment | None


class FilePair:
    """A pan and its bands in two files, with how they lie by their geometry: see ``colour.survey.Pair``.

    Raises :class:`InputError` naming the file that is wrong, or why the two are no pair.
    """

    def __init__(
        self,
        pan: Path | SensorImage,
        xs: Path | SensorImage,
        *,
        dem: Relief | None = None,
        bands: Sequence[str] | None = None,
    ) -> None:
        known, other = (one if isinstance(one, SensorImage) else None for one in (pan, xs))
        pan, xs = _path(pan), _path(xs)
        self.pan = Sheet(pan, nodata=None if known is None else known.nodata)
        self.xs = Sheet(xs, bands=bands, nodata=None if other is None else other.nodata)
        if self.pan.count != 1:
            raise InputError(f"{pan} has {self.pan.count} bands: a pan has one")
        if self.xs.count < 2 and bands is None:
            # One band alone can be sharpened, but it is more often a file mixed up, or one band missing.
            raise InputError(f"{xs} has one band: name it with --bands if that is meant")
        self.sensor: SensorImage | None = None
        self.parallax_px = 0.0
        if known is None and other is None and (self.pan.crs is None) != (self.xs.crs is None):
            mapped, raw = (xs, pan) if self.pan.crs is None else (pan, xs)
            raise InputError(f"{mapped} lies on a map, {raw} does not: sharpen before, or orthorectify both")
        if self.pan.crs is not None and known is None and other is None:
            if self.pan.crs != self.xs.crs:
                raise InputError(f"{pan} is in {self.pan.crs}, {xs} in {self.xs.crs}: bring both to one CRS")
            self.relation = grid_relation(
                self.pan.shape, self.pan.transform, self.xs.shape, self.xs.transform
            )
            return
        self.sensor, other = known or open_image(pan), other or open_image(xs)
        try:
            self.relation = model_relation(self.sensor.model, other.model, _heights(self.sensor, dem))
            if dem is None:
                self.parallax_px = _parallax(self.relation, self.sensor, other)
        except InputError as error:
            raise InputError(f"{pan}, {xs}: {error}") from error

    def read_pan(self, column: int, row: int, width: int, height: int) -> Image:
        """(rows, cols) of the pan, clipped to it."""
        values: Image = self.pan.read(column, row, width, height)[0]
        return values

    def read_xs(self, column: int, row: int, width: int, height: int) -> Image:
        """(bands, rows, cols), clipped to them."""
        return self.xs.read(column, row, width, height)

    def close(self) -> None:
        """Close both files."""
        self.pan.close()
        self.xs.close()


def pansharpen(
    pan: Path | SensorImage,
    xs: Path | SensorImage,
    out: Path,
    *,
    dem: Relief | None = None,
    register: bool = True,
    judge: bool = False,
    bands: Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> PansharpenResult:
    """Sharpen the bands of ``xs`` with ``pan`` and write them as a COG on the pan's pixels.

    Both in sensor geometry with models of their own (RPC or camera), or both on a map in one CRS, on any
    grids. Where the bands lie off their geometry is measured in windows over the image and corrected
    (``register``). ``dem``: relief, for sensors whose pan and bands look from places apart; without it
    the ground is taken to lie at one height. ``judge``: also apply Wald's protocol and QNR to a part of the
    pair. ``bands``: names of the bands, where the file gives none.

    Of the bands' type, scale and nodata (0 where none is declared: valid counts begin at 1). A pair in sensor
    geometry keeps the pan's model and, of an extract, its place in the full image; a camera file is copied
    beside. Memory is bounded by blocks; a run that was killed goes on. Raises :class:`InputError`
    naming the file and what is wrong with it.
    """
    keep_apart(out, _path(pan), _path(xs))
    with bounded_cache(), closing(FilePair(pan, xs, dem=dem, bands=bands)) as pair:
        threads = workers or processors()
        try:
            found = survey(pair, register=register, workers=threads)
        except InputError as error:
            way_out = "" if not register else " (--no-register takes the geometry as it is)"
            raise InputError(f"{_path(pan)}, {_path(xs)}: {error}{way_out}") from error
        nodata = out_nodata(pair.xs)
        layout = _layout(pair, nodata)
        camera = pair.pan.path.with_name(f"{pair.pan.path.stem}.camera.json")

        def render(window: Window) -> NDArray[np.generic]:
            return counts_of(sharpened(pair, found, window), layout.dtype, nodata)

        recipe = fingerprint(
            _METHOD,
            _path(pan),
            _path(xs),
            found.relation.shift,
            found.injection,
            found.relation.to_xs.values,
            layout,
        )
        write_cog(
            out,
            layout,
            render,
            recipe=recipe,
            workers=workers,
            progress=progress,
            tags=_tags(pair, found),
            rpcs=_rpcs(pair.sensor),
        )
        if pair.sensor is not None and camera.exists() and not isinstance(pair.sensor.model, Rpc):
            write_whole(out.with_name(f"{out.stem}.camera.json"), camera.read_bytes())
        return PansharpenResult(
            path=out,
            bands=layout.bands,
            width=layout.width,
            height=layout.height,
            geometry=pair.sensor.geometry if pair.sensor is not None else str(layout.crs),
            ratio=found.relation.ratio,
            shift_px=found.shift_px,
            spread_px=found.spread_px,
            explained=found.explained,
            nyquist=found.nyquist,
            weights=tuple(float(one) for one in found.injection.weights[:-1]),
            parallax_px=pair.parallax_px,
            notes=_notes(pair, found),
            assessment=_judged(pair, found) if judge else None,
        )


def _path(of: Path | SensorImage) -> Path:
    return of.path if isinstance(of, SensorImage) else of


def _heights(pan: SensorImage, dem: Relief | None) -> Heights | None:
    if dem is None:
        return None

    def heights(column: Floats, row: Floats) -> Floats:
        found = locate_on(pan.model, dem, column, row)[2]
        known = np.isfinite(found)
        if not known.any():
            raise InputError(f"the DEM does not cover the ground of {pan.path}")
        # In its holes the relief is taken as elsewhere: only the parallax of pan and bands hangs on it.
        return np.where(known, found, float(np.median(found[known])))

    return heights


def _parallax(relation: Relation, pan: SensorImage, xs: SensorImage) -> float:
    """Pan pixels between where the lowest and the highest ground puts the bands, in the middle."""
    low, high = pan.model.heights_m
    column, row = 0.5 * (pan.shape[1] - 1), 0.5 * (pan.shape[0] - 1)
    places = [xs.model.project(*pan.model.locate(column, row, height), height) for height in (low, high)]
    apart = np.hypot(places[0][0] - places[1][0], places[0][1] - places[1][1]) * relation.ratio
    return float(apart) if np.isfinite(apart) else 0.0


def _layout(pair: FilePair, nodata: float) -> RasterLayout:
    crs, transform = pair.pan.crs, pair.pan.transform
    if pair.sensor is not None:
        # Of an extract: its place in the full image, which its model counts in.
        crs, transform = CRS(), Affine.translation(*pair.sensor.origin)
    rows, cols = pair.pan.shape
    return RasterLayout(
        crs=crs,
        transform=transform,
        width=cols,
        height=rows,
        dtype=pair.xs.dtype,
        bands=pair.xs.bands,
        nodata=nodata,
        scales=pair.xs.scales,
        offsets=pair.xs.offsets,
    )


def _rpcs(sensor: SensorImage | None) -> RPC | None:
    """The pan's RPC, in the pixels of the full image as the raster's place says."""
    if sensor is None or not isinstance(sensor.model, Rpc):
        return None
    column, row = sensor.origin
    return to_tag(sensor.model.shifted(-column, -row, sensor.shape))


def _judged(pair: FilePair, found: Survey) -> Assessment | None:
    """The assessment, or None where there is too little image for one."""
    try:
        return assess(pair, found)
    except InputError:
        return None


def _tags(pair: FilePair, found: Survey) -> dict[str, str]:
    tags = {
        "PROCESSING": "pansharpened: context-based MTF-GLP with consistency",
        "PAN": pair.pan.path.name,
        "XS": pair.xs.path.name,
        "SHIFT_PX": "{:.3f} {:.3f}".format(*found.shift_px),
        "MTF_NYQUIST": f"{found.nyquist:.3f}",
    }
    return inherited(pair.xs.tags, pair.pan.tags) | tags


def _notes(pair: FilePair, found: Survey) -> tuple[str, ...]:
    notes = []
    if pair.parallax_px > _PARALLAX_PX:
        notes.append(
            f"relief may move the bands against the pan by {pair.parallax_px:.1f} px: give a DEM (--dem)"
        )
    if found.explained < _LITTLE:
        notes.append(
            f"the bands tell only {100 * found.explained:.0f} % of the pan: do both show the same ground, "
            "taken at the same time?"
        )
    if found.spread_px > _PARALLAX_PX:
        notes.append(
            f"the shift of bands against pan varies by {found.spread_px:.1f} px rms over the image, beyond "
            "what is corrected"
        )
    return tuple(notes)
