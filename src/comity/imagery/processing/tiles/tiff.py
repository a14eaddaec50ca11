"""The directories of a cloud-optimised GeoTIFF whose tiles are coded already.

TIFF 6.0 and BigTIFF for the form; GDAL's COG driver page for the header that states the layout: directories
before data, overviews before the full image, tiles row by row, each between its size and its last four
bytes. What a tag means (projection, nodata, scales, names) is left to GDAL: it writes a one-tile template
of the same layout, whose tags are taken over.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.rpc import RPC

from comity.core import ComityError
from comity.imagery.processing.raster import RasterLayout
from comity.imagery.processing.tiles.coding import TILE

#: Beyond this a classic TIFF's 32-bit offsets may not do.
_CLASSIC_BYTES = 4_000_000_000
_LAYOUT = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_GHOST = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_LAYOUT) + _LAYOUT
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_SHORT, _LONG, _LONG8 = 3, 4, 16
_SUBFILE, _WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS = 254, 256, 257, 322, 323, 324, 325
_OURS = {_SUBFILE, _WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS}
#: What an overview says again: sample form, compression, planes, predictor, nodata.
_OVERVIEW = {258, 259, 262, 277, 284, 317, 338, 339, 42113}
_COLOURS = {"red": ColorInterp.red, "green": ColorInterp.green, "blue": ColorInterp.blue}

#: A tag: number → (type, count, packed little-endian values).
Tags = dict[int, tuple[int, int, bytes]]


@dataclass(frozen=True, slots=True)
class Level:
    """One directory: size in pixels, what it is, and the bytes of each tile's record, row by row."""

    width: int
    height: int
    overview: bool
    mask: bool
    records: Sequence[int]


def template(
    layout: RasterLayout,
    tags: Mapping[str, str],
    band_tags: Sequence[Mapping[str, str]] = (),
    rpcs: RPC | None = None,
) -> Tags:
    """The tags of a GeoTIFF of this layout as GDAL writes them, without its size and tiles."""
    is_float = layout.dtype.startswith("float")
    profile = {
        "driver": "GTiff",
        "dtype": layout.dtype,
        "count": len(layout.bands),
        "width": TILE,
        "height": TILE,
        "crs": layout.crs or None,
        "transform": layout.transform,
        "nodata": layout.nodata,
        "photometric": "MINISBLACK",
        "interleave": "pixel",
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "compress": "DEFLATE",
        "predictor": 3 if is_float else 2,
        "sparse_ok": True,
        "bigtiff": "NO",
        "endianness": "LITTLE",
    }
    with MemoryFile(ext=".tif") as memory:
        with warnings.catch_warnings():
            # An image in sensor geometry has no georeference, as it should.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            opened = memory.open(**profile)
        with rasterio.Env(GDAL_PAM_ENABLED=False), opened as image:
            image.colorinterp = [_COLOURS.get(name, ColorInterp.gray) for name in layout.bands]
            image.descriptions = list(layout.bands)
            if layout.scales is not None:
                image.scales = layout.scales
            if layout.offsets is not None:
                image.offsets = layout.offsets
            if rpcs is not None:
                image.rpcs = rpcs
            if tags:
                image.update_tags(**dict(tags))
            for band, more in enumerate(band_tags, 1):
                image.update_tags(band, **dict(more))
        return {key: value for key, value in _directory(memory.read()).items() if key not in _OURS}


def head(main: Tags, levels: Sequence[Level], data_bytes: int) -> bytes:
    """Everything before the first tile: header, stated layout, directories.

    ``levels``: the full image, then overviews from fine to coarse, each followed by its mask if there are
    masks. Their data are to follow from the last level to the first.
    """
    big = data_bytes + 64 * sum(len(level.records) for level in levels) > _CLASSIC_BYTES
    empty = [[0] * len(level.records) for level in levels]
    start = len(_write(main, levels, empty, big))
    offsets: list[list[int]] = []
    for level in reversed(levels):
        places = []
        for size in level.records:
            places.append(start + 4)  # a tile begins behind its leader
            start += size
        offsets.insert(0, places)
    return _write(main, levels, offsets, big)


def _write(main: Tags, levels: Sequence[Level], offsets: Sequence[Sequence[int]], big: bool) -> bytes:
    place = "Q" if big else "I"
    header = struct.pack("<2sHHH", b"II", 43, 8, 0) if big else struct.pack("<2sH", b"II", 42)
    first = len(header) + struct.calcsize(f"<{place}") + len(_GHOST)
    first += first % 2
    out = bytearray(header + struct.pack(f"<{place}", first) + _GHOST)
    out += b"\0" * (first - len(out))
    for index, (level, places) in enumerate(zip(levels, offsets, strict=True)):
        tags = sorted(_tags_of(level, index == 0, main, places, big).items())
        counts, inline = ("Q", 8) if big else ("H", 4)
        fixed = struct.calcsize(f"<{counts}") + len(tags) * (20 if big else 12) + inline
        more = bytearray()
        entries = bytearray(struct.pack(f"<{counts}", len(tags)))
        for number, (kind, count, values) in tags:
            entries += struct.pack(f"<HH{place}", number, kind, count)
            if len(values) <= inline:
                entries += values.ljust(inline, b"\0")
            else:
                entries += struct.pack(f"<{place}", len(out) + fixed + len(more))
                more += values + b"\0" * (-len(values) % 8)
        more += b"\0" * (-(fixed + len(more)) % 2)
        following = 0 if index == len(levels) - 1 else len(out) + fixed + len(more)
        out += entries + struct.pack(f"<{place}", following) + more
    return bytes(out)


def _tags_of(level: Level, first: bool, main: Tags, places: Sequence[int], big: bool) -> Tags:
    if level.mask:
        tags: Tags = {
            258: _shorts(1),
            259: _shorts(8),
            262: _shorts(4),
            277: _shorts(1),
            284: _shorts(1),
            339: _shorts(1),
        }
    else:
        tags = {key: value for key, value in main.items() if first or key in _OVERVIEW}
    kind = (1 if level.overview else 0) | (4 if level.mask else 0)
    tags[_SUBFILE] = (_LONG, 1, struct.pack("<I", kind))
    tags[_WIDTH] = (_LONG, 1, struct.pack("<I", level.width))
    tags[_HEIGHT] = (_LONG, 1, struct.pack("<I", level.height))
    tags[_TILE_WIDTH] = tags[_TILE_HEIGHT] = _shorts(TILE)
    count = len(places)
    tags[_OFFSETS] = (_LONG8 if big else _LONG, count, struct.pack(f"<{count}{'Q' if big else 'I'}", *places))
    sizes = [size - 8 for size in level.records]  # without leader and trailer
    tags[_COUNTS] = (_LONG, count, struct.pack(f"<{count}I", *sizes))
    return tags


def _shorts(*values: int) -> tuple[int, int, bytes]:
    return (_SHORT, len(values), struct.pack(f"<{len(values)}H", *values))


def _directory(content: bytes) -> Tags:
    """The tags of the first directory of a little-endian classic TIFF."""
    mark, version, at = struct.unpack_from("<2sHI", content)
    if mark != b"II" or version != 42:
        raise ComityError("GDAL's template is no little-endian TIFF")
    (count,) = struct.unpack_from("<H", content, at)
    tags: Tags = {}
    for entry in range(count):
        number, kind, values = struct.unpack_from("<HHI", content, at + 2 + 12 * entry)
        size = _SIZES[kind] * values
        where = at + 2 + 12 * entry + 8
        if size > 4:
            (where,) = struct.unpack_from("<I", content, where)
        tags[number] = (kind, values, content[where : where + size])
    return tags
