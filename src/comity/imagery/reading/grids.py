"""Images on a common grid: a map grid chosen for several, and each of them read onto it window by window."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS as ProjCrs
from pyproj import Geod, Transformer
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.windows import Window
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from comity.core import InputError
from comity.imagery.grid import ImageGrid, image_grid, inside, unwrap
from comity.imagery.processing.masks import CLOUD, SHADOW
from comity.imagery.reading.expression import Expression, Floats
from comity.imagery.reading.source import BandInfo, Source
from comity.imagery.reading.views import evaluated, physical

#: No grid of ours has more pixels: 100,000 × 100,000.
MOST_PIXELS = 10_000_000_000
#: How far the scale of a map may be off the ground's (UTM within its zone: 0.1 %).
_TRUE = 0.0015
#: From this ratio of pixel sizes on a pixel is the mean of what it covers, below it is interpolated.
_COARSER = 1.5


def outline(source: Source) -> BaseGeometry:
    """The image's rectangle in lon, lat (degrees), continuous through the antimeridian."""
    a, b, c, d, e, f = source.transform
    corners = [(0, 0), (source.width, 0), (source.width, source.height), (0, source.height)]
    ring = shapely.Polygon([(c + a * x + b * y, f + d * x + e * y) for x, y in corners])
    fine = shapely.segmentize(ring, max(ring.length / 80.0, 1e-9))
    there = Transformer.from_crs(ProjCrs.from_wkt(source.crs), 4326, always_xy=True)
    shape = shapely.transform(fine, lambda p: np.column_stack(there.transform(p[:, 0], p[:, 1])))
    west, _, east, _ = shape.bounds
    if east - west > 180.0:  # the corners lie on both sides of it
        shape = shapely.transform(shape, lambda p: np.column_stack([p[:, 0] % 360.0, p[:, 1]]))
    return shape


def pixel_m(source: Source, at: tuple[float, float] | None = None) -> float:
    """Size of a pixel at the image's middle, or at a place (lon, lat degrees) on its map, m."""
    a, b, c, d, e, f = source.transform
    x, y = source.width / 2.0, source.height / 2.0
    if at is not None:
        place = Transformer.from_crs(4326, ProjCrs.from_wkt(source.crs), always_xy=True).transform(*at)
        x, y = ~Affine(*source.transform) @ place
    points = [(c + a * i + b * j, f + d * i + e * j) for i, j in ((x, y), (x + 1, y), (x, y + 1))]
    there = Transformer.from_crs(ProjCrs.from_wkt(source.crs), 4326, always_xy=True)
    places = [there.transform(*one) for one in points]
    sizes = [Geod(ellps="WGS84").inv(*places[0], *other)[2] for other in places[1:]]
    return math.sqrt(sizes[0] * sizes[1])


def common_grid(
    sources: Sequence[Source], area: BaseGeometry | None = None, *, pixel: float | None = None
) -> ImageGrid:
    """One north-up grid for several images, over ``area`` (lon, lat degrees) or what all have in common.

    The grid of the coarsest image, which then is not resampled; where that is in degrees, turned or not
    true to scale there, or ``pixel`` (m) asks for another size, the UTM zone of the area's middle. Raises
    :class:`InputError` when there is nothing in common or the area has no extent.
    """
    shape = area
    if shape is None:
        shape = outline(sources[0])
        for source in sources[1:]:
            shape = shapely.intersection(shape, near(outline(source), shape))
            if shape.area == 0.0:
                raise InputError(f"{sources[0].path} and {source.path} have no ground in common")
    polygons = [one for one in shapely.get_parts(shape) if one.geom_type == "Polygon" and one.area > 0.0]
    if not polygons:
        raise InputError("the area has no extent: give a polygon")
    shape = shapely.union_all(polygons)
    coarsest = max(sources, key=pixel_m)
    middle = shape.centroid
    own = _metric(coarsest, (middle.x, middle.y))
    if own is not None and pixel in (None, own[1]):
        ground = (
            [_on_map(source, own[0]) for source in sources] if area is None else [_projected(shape, own[0])]
        )
        return _on_grid_of(coarsest, *own, shapely.intersection_all(ground), (middle.x, middle.y))
    if pixel is None:
        home = _metric(coarsest)
        pixel = home[1] if home is not None else float(f"{pixel_m(coarsest):.4g}")
    grid = image_grid(shape, pixel, MOST_PIXELS)
    if grid.pixel_m > pixel:
        raise InputError(
            f"the area has more than {MOST_PIXELS:,} pixels of {pixel:g} m: take less, or larger ones"
        )
    return grid


def _metric(source: Source, at: tuple[float, float] | None = None) -> tuple[int, float] | None:
    """EPSG code and pixel of a source whose own grid is north-up, square and true to scale (at a place)."""
    a, b, _, d, e, _ = source.transform
    crs = ProjCrs.from_wkt(source.crs)
    epsg = crs.to_epsg()
    fit = epsg is not None and crs.is_projected and b == d == 0.0 and math.isclose(a, -e, rel_tol=1e-9)
    return (epsg, a) if fit and epsg and math.isclose(a, pixel_m(source, at), rel_tol=_TRUE) else None


def _projected(shape: BaseGeometry, epsg: int) -> BaseGeometry:
    """Ground in lon, lat degrees on a map."""
    there = Transformer.from_crs(4326, epsg, always_xy=True)
    fine = shapely.segmentize(unwrap(shape), max(shape.length / 256.0, 1e-9))
    return shapely.transform(fine, lambda p: np.column_stack(there.transform(p[:, 0], p[:, 1])))


def _on_map(source: Source, epsg: int) -> BaseGeometry:
    """A source's rectangle on a map: exact on its own."""
    a, b, c, d, e, f = source.transform
    corners = [(0, 0), (source.width, 0), (source.width, source.height), (0, source.height)]
    ring = shapely.Polygon([(c + a * x + b * y, f + d * x + e * y) for x, y in corners])
    crs = ProjCrs.from_wkt(source.crs)
    if crs.to_epsg() == epsg:
        return ring
    there = Transformer.from_crs(crs, epsg, always_xy=True)
    fine = shapely.segmentize(ring, max(ring.length / 80.0, 1e-9))
    return shapely.transform(fine, lambda p: np.column_stack(there.transform(p[:, 0], p[:, 1])))


def _on_grid_of(
    source: Source, epsg: int, pixel: float, ground: BaseGeometry, centre: tuple[float, float]
) -> ImageGrid:
    if ground.is_empty or not np.isfinite(ground.bounds).all():
        raise InputError(f"the area is too far from the map of {source.path} (EPSG:{epsg})")
    west, south, east, north = ground.bounds
    left, top = source.transform[2], source.transform[5]
    # a hair inward, so that rounding does not add a row that only touches the area
    first_col, first_row = math.floor((west - left) / pixel + 1e-6), math.floor((top - north) / pixel + 1e-6)
    last_col, last_row = math.ceil((east - left) / pixel - 1e-6), math.ceil((top - south) / pixel - 1e-6)
    width, height = max(1, last_col - first_col), max(1, last_row - first_row)
    if width * height > MOST_PIXELS:
        raise InputError(f"{width} × {height} pixels are more than {MOST_PIXELS:,}: give a smaller area")
    return ImageGrid(
        epsg=epsg,
        west=left + first_col * pixel,
        north=top - first_row * pixel,
        pixel_m=pixel,
        width=width,
        height=height,
        footprint=ground,
        centre_deg=((centre[0] + 180.0) % 360.0 - 180.0, centre[1]),
    )


def near(shape: BaseGeometry, other: BaseGeometry) -> BaseGeometry:
    """The shape moved by whole turns to where ``other`` is."""
    turns = round((unwrap(other).centroid.x - shape.centroid.x) / 360.0) * 360.0
    return shapely.transform(shape, lambda p: p + np.array([turns, 0.0])) if turns else shape


class GridReader:
    """Reads one source onto a grid: (bands or one, rows, cols) float32 in physical units, NaN for none.

    Coarser pixels are means of what they cover (from overviews where they serve), others are interpolated;
    ``nearest`` for classes. ``clear_only``: none either where the Item's mask has a cloud or its shadow, or a
    pixel touches one. Used from several threads at once, each with a handle of its own; may be pickled.
    """

    def __init__(
        self,
        source: Source,
        grid: ImageGrid,
        bands: tuple[BandInfo, ...],
        maths: Expression | None = None,
        *,
        nearest: bool = False,
        clear_only: bool = False,
    ) -> None:
        if clear_only and source.mask is None:
            raise InputError(f"{source.item or source.path} has no mask of clouds that is known here")
        self.source, self.grid, self.bands, self.maths = source, grid, bands, maths
        self.clear_only = clear_only
        coarser = grid.pixel_m >= _COARSER * pixel_m(source)
        self.resampling = "nearest" if nearest else "average" if coarser else "bilinear"
        self._handles = threading.local()

    def __reduce__(self) -> tuple[Any, ...]:
        nearest = self.resampling == "nearest"
        return _reader, (self.source, self.grid, self.bands, self.maths, nearest, self.clear_only)

    def __call__(self, window: Window) -> Floats:
        """The values of a window of the grid; raises :class:`InputError` for a file that cannot be read."""
        try:
            counts = self._image().read([one.index for one in self.bands], window=window, masked=True)
            classes = self._mask().read(1, window=window) if self.clear_only else None
        except RasterioError as error:
            raise InputError(f"{self.source.path} cannot be read: {error}") from error
        values = physical(counts, self.bands)
        if classes is not None:
            values[:, np.isin(classes, (SHADOW, CLOUD))] = np.nan
        return values if self.maths is None else evaluated(self.maths, values)[None]

    def _image(self) -> Any:
        source = self.source
        told = {"src_nodata": source.nodata, "nodata": source.nodata}
        return self._handle("image", source.path, self.resampling, {} if source.nodata is None else told)

    def _mask(self) -> Any:
        # the classes are numbered so that the highest in a pixel is the one to know of
        return self._handle("mask", self.source.mask, "max", {"src_nodata": 0, "nodata": 0})

    def _handle(self, name: str, path: Path | None, resampling: str, nodata: dict[str, Any]) -> Any:
        """This thread's view of a file on the grid; it closes when the thread or the reader is let go."""
        handle = getattr(self._handles, name, None)
        if handle is None:
            import rasterio
            from rasterio.enums import Resampling
            from rasterio.vrt import WarpedVRT

            image = rasterio.open(path)
            handle = WarpedVRT(
                image,
                crs=CRS.from_epsg(self.grid.epsg),
                transform=Affine(*self.grid.transform),
                width=self.grid.width,
                height=self.grid.height,
                resampling=Resampling[resampling],
                **(nodata or {"add_alpha": not _has_alpha(image)}),
            )
            setattr(self._handles, f"{name}_file", image)
            setattr(self._handles, name, handle)
        return handle


def _has_alpha(image: Any) -> bool:
    return any(each.name == "alpha" for each in image.colorinterp)


def _reader(
    source: Source,
    grid: ImageGrid,
    bands: tuple[BandInfo, ...],
    maths: Expression | None,
    nearest: bool,
    clear_only: bool,
) -> GridReader:
    return GridReader(source, grid, bands, maths, nearest=nearest, clear_only=clear_only)


def area_mask(grid: ImageGrid, window: Window) -> NDArray[np.bool_]:
    """(rows, cols) which pixels of a window have their centre in the grid's footprint."""
    west = grid.west + window.col_off * grid.pixel_m
    north = grid.north - window.row_off * grid.pixel_m
    corner = Affine(grid.pixel_m, 0.0, west, 0.0, -grid.pixel_m, north)
    return inside(grid.footprint, window.height, window.width, corner)


def touches(source: Source, grid: ImageGrid) -> bool:
    """Whether the image has a pixel within the grid's bounds."""
    shape = _on_map(source, grid.epsg)
    if not np.isfinite(shape.bounds).all():
        return False
    return bool(shapely.intersects(shapely.make_valid(shape), box(*grid.bounds)))
