"""What the packets of one image say: its form, its samples, and how the spacecraft stood meanwhile.

| APID | packet | user data (big-endian) |
|---|---|---|
| 0x110 | image | form of the image, names; sent first, last and every few strips |
| 0x111 | orbit | image u32, seconds from the first row f64, ITRF position (m) and velocity (m/s) 6 × f64 |
| 0x112 | attitude | image u32, seconds f64, quaternion x, y, z, w from body to ITRF 4 × f64 |
| 0x113 | housekeeping | image u32, seconds f64, focal plane °C f64 |
| 0x120 + band | samples | image u32, method u8, row u32, rows u16, column u32, columns u16, samples |

Samples are a rectangle of one band, row by row: method 1 is lossless CCSDS 121.0-B-3 (adaptive entropy coder
with unit-delay predictor, blocks of 16, 128 blocks to a reference; the last sample repeated until the last
block is full), method 0 plain 16-bit. There is no open
CCSDS 123.0 coder with a Python package, hence no prediction between bands.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

IMAGE: Final = 0x110
ORBIT: Final = 0x111
ATTITUDE: Final = 0x112
HOUSEKEEPING: Final = 0x113
SAMPLES: Final = 0x120
MAX_BANDS: Final = 32
#: Every APID of the format.
APIDS: Final = range(IMAGE, SAMPLES + MAX_BANDS)
#: Numbers in each kind of telemetry sample.
TELEMETRY: Final = {ORBIT: 6, ATTITUDE: 4, HOUSEKEEPING: 1}
#: Samples have at most this many bits: the largest 16-bit count says "nothing received" on the ground.
MAX_BITS: Final = 15
MIN_BITS: Final = 6
#: Most samples in one packet: plain, they still fit.
MAX_SEGMENT: Final = 32_000
#: Most packets of samples in one image.
MAX_PACKETS: Final = 20_000_000

PLAIN: Final = 0
CCSDS_121: Final = 1
_BLOCK = 16
_REFERENCE = 128
_PREPROCESS = 8  # libaec's AEC_DATA_PREPROCESS
_VERSION = 1
_IMAGE_FORM = ">BIqdddIIBBBHHHHH"
_SEGMENT_FORM = ">IBIHIH"
_MAX_SIDE = 4_000_000

Counts = NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """The form of an image.

    ``image``: its number. ``start_tai_ns``: when its first row was taken (ns of TAI since 1970). ``line_s``:
    time from row to row, 0 for a frame camera. ``columns``, ``rows``: of every band. ``bits``: per sample.
    ``strip_rows``, ``segment_columns``: the rectangles that packets hold, smaller at the image's ends.
    ``bands``: STAC common names. ``spacecraft``, ``instrument``: names. ``offset_px``: (column, row) of the
    camera's whole image at which this one begins.
    """

    image: int
    start_tai_ns: int
    line_s: float
    columns: int
    rows: int
    bits: int
    strip_rows: int
    segment_columns: int
    simulated: bool
    bands: tuple[str, ...]
    spacecraft: str
    instrument: str
    offset_px: tuple[float, float] = (0.0, 0.0)

    @property
    def strips(self) -> int:
        """Packets of one band one below another."""
        return -(-self.rows // self.strip_rows)

    @property
    def segments(self) -> int:
        """Packets of one band side by side."""
        return -(-self.columns // self.segment_columns)

    @property
    def packets(self) -> int:
        """Packets of samples of the whole image."""
        return len(self.bands) * self.strips * self.segments


@dataclass(frozen=True, slots=True)
class Segment:
    """A rectangle of samples as packed: ``data`` by ``method``."""

    image: int
    method: int
    first_row: int
    rows: int
    first_column: int
    columns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of telemetry: ``kind`` is its APID, ``seconds`` from the image's first row."""

    image: int
    kind: int
    seconds: float
    values: tuple[float, ...]


def pack_image(header: ImageHeader) -> bytes:
    """User data of an image packet."""
    names = [name.encode() for name in (",".join(header.bands), header.spacecraft, header.instrument)]
    return struct.pack(
        _IMAGE_FORM,
        _VERSION,
        header.image,
        header.start_tai_ns,
        header.line_s,
        *header.offset_px,
        header.columns,
        header.rows,
        len(header.bands),
        header.bits,
        int(header.simulated),
        header.strip_rows,
        header.segment_columns,
        *(len(name) for name in names),
    ) + b"".join(names)


def unpack_image(data: bytes) -> ImageHeader | None:
    """The image of :func:`pack_image`'s bytes; None for what cannot be one."""
    size = struct.calcsize(_IMAGE_FORM)
    if len(data) < size:
        return None
    fields = struct.unpack(_IMAGE_FORM, data[:size])
    version, image, start, line_s, column, row, columns, rows = fields[:8]
    bands, bits, simulated, strip, segment, *lengths = fields[8:]
    if version != _VERSION or len(data) != size + sum(lengths):
        return None
    ends = np.cumsum([size, *lengths])
    try:
        names = [data[a:b].decode() for a, b in pairwise(ends)]
    except UnicodeDecodeError:
        return None
    header = ImageHeader(
        image=image,
        start_tai_ns=start,
        line_s=line_s,
        columns=columns,
        rows=rows,
        bits=bits,
        strip_rows=strip,
        segment_columns=segment,
        simulated=bool(simulated),
        bands=tuple(names[0].split(",")),
        spacecraft=names[1],
        instrument=names[2],
        offset_px=(column, row),
    )
    sane = (
        0 < columns <= _MAX_SIDE
        and 0 < rows <= _MAX_SIDE
        and 0 < bands <= MAX_BANDS
        and len(header.bands) == bands
        and MIN_BITS <= bits <= MAX_BITS
        and 0 < strip * segment <= MAX_SEGMENT
        and header.packets <= MAX_PACKETS
        and 0.0 <= line_s < 1e6
        and abs(column) < _MAX_SIDE
        and abs(row) < _MAX_SIDE
    )
    return header if sane else None


def pack_segment(image: int, first_row: int, first_column: int, samples: Counts, bits: int) -> bytes:
    """User data of a packet of samples (rows, columns): coded where that is smaller, else plain."""
    from imagecodecs import aec_encode

    rows, columns = samples.shape
    method = CCSDS_121
    data = aec_encode(
        # libaec cannot read back a last block that is not full
        np.pad(samples.astype(_word(bits)).ravel(), (0, -samples.size % _BLOCK), mode="edge"),
        bitspersample=bits,
        blocksize=_BLOCK,
        rsi=_REFERENCE,
        flags=_PREPROCESS,
    )
    if len(data) >= 2 * samples.size:
        method, data = PLAIN, np.ascontiguousarray(samples, ">u2").tobytes()
    return struct.pack(_SEGMENT_FORM, image, method, first_row, rows, first_column, columns) + bytes(data)


def unpack_segment(data: bytes) -> Segment | None:
    """The segment of :func:`pack_segment`'s bytes, its samples still packed; None for what cannot be one."""
    size = struct.calcsize(_SEGMENT_FORM)
    if len(data) <= size:
        return None
    image, method, first_row, rows, first_column, columns = struct.unpack(_SEGMENT_FORM, data[:size])
    if method not in (PLAIN, CCSDS_121) or not 0 < rows * columns <= MAX_SEGMENT:
        return None
    return Segment(image, method, first_row, rows, first_column, columns, data[size:])


def samples_of(segment: Segment, bits: int) -> Counts | None:
    """The samples (rows, columns) of a segment; None where its data are not as many, or too large."""
    from imagecodecs import AecError, aec_decode

    count = segment.rows * segment.columns
    padded = count + -count % _BLOCK
    if segment.method == PLAIN:
        if len(segment.data) != 2 * count:
            return None
        samples = np.frombuffer(segment.data, ">u2").astype(np.uint16)
    else:
        try:
            plain = aec_decode(
                segment.data,
                bitspersample=bits,
                blocksize=_BLOCK,
                rsi=_REFERENCE,
                flags=_PREPROCESS,
                out=_word(bits).itemsize * padded,
            )
        except (AecError, ValueError):
            return None
        if len(plain) != _word(bits).itemsize * padded:
            return None
        samples = np.frombuffer(plain, _word(bits))[:count].astype(np.uint16)
    if samples.max() >= 1 << bits:
        return None
    return samples.reshape(segment.rows, segment.columns)


def _word(bits: int) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    """What the coder takes samples of so many bits in."""
    return np.dtype(np.uint8) if bits <= 8 else np.dtype(np.uint16)


def pack_sample(sample: Sample) -> bytes:
    """User data of an orbit, attitude or housekeeping packet."""
    return struct.pack(f">Id{len(sample.values)}d", sample.image, sample.seconds, *sample.values)


def unpack_sample(kind: int, data: bytes) -> Sample | None:
    """The sample of :func:`pack_sample`'s bytes; None for what cannot be one."""
    form = f">Id{TELEMETRY[kind]}d"
    if len(data) != struct.calcsize(form):
        return None
    image, seconds, *values = struct.unpack(form, data)
    if not np.isfinite([seconds, *values]).all():
        return None
    return Sample(image, kind, seconds, tuple(values))
