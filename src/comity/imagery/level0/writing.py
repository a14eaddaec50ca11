"""Writing a level-0 file: one image as packets, strip after strip, with telemetry between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from comity.core import Epoch, InputError, whole_path
from comity.imagery.level0 import content
from comity.imagery.level0.content import Counts, ImageHeader, Sample
from comity.imagery.level0.packets import pack

#: Strips between two image packets: one lost does not lose the image.
_HEADER_EVERY = 64


class Level0Writer:
    """Takes the strips of an image in order; made by :func:`level0_file`."""

    def __init__(self, file: BinaryIO, header: ImageHeader) -> None:
        self._file = file
        self._header = header
        self._start = Epoch(header.start_tai_ns)
        self._sequence: dict[int, int] = {}
        self.packets = 0
        self.coded_bytes = 0

    def image(self, row: int) -> None:
        """Say the image's form again, as of ``row``."""
        self._put(content.IMAGE, row * self._header.line_s, content.pack_image(self._header))

    def telemetry(self, sample: Sample) -> None:
        """A sample of orbit, attitude or housekeeping."""
        self._put(sample.kind, sample.seconds, content.pack_sample(sample))

    def strip(self, first_row: int, counts: Counts) -> None:
        """Rows ``first_row`` … of every band, (bands, rows, columns) uint16.

        ``first_row`` is a multiple of the strip's rows. Raises :class:`InputError` for a strip that is not
        of the image's form, or a count beyond its bits.
        """
        header = self._header
        rows = min(header.strip_rows, header.rows - first_row)
        if first_row % header.strip_rows or counts.shape != (len(header.bands), rows, header.columns):
            raise InputError(f"strip at row {first_row} of shape {counts.shape} is not one of this image")
        if counts.max() >> header.bits:
            raise InputError(f"strip at row {first_row}: count {counts.max()} exceeds {header.bits} bits")
        if first_row // header.strip_rows % _HEADER_EVERY == 0:
            self.image(first_row)
        for band, plane in enumerate(counts):
            for first in range(0, header.columns, header.segment_columns):
                part = plane[:, first : first + header.segment_columns]
                data = content.pack_segment(header.image, first_row, first, part, header.bits)
                self.coded_bytes += len(data)
                self._put(content.SAMPLES + band, first_row * header.line_s, data)

    def _put(self, apid: int, seconds: float, data: bytes) -> None:
        sequence = self._sequence.get(apid, 0)
        self._sequence[apid] = sequence + 1
        self.packets += 1
        self._file.write(pack(apid, sequence, self._start + seconds, data))


@contextmanager
def level0_file(path: Path, header: ImageHeader) -> Iterator[Level0Writer]:
    """A writer of the file ``path``, which appears whole or not at all.

    Raises :class:`InputError` for an image whose form the packets cannot say, or a file that cannot be
    written.
    """
    if content.unpack_image(content.pack_image(header)) != header:
        raise InputError(
            f"image of {header.columns} × {header.rows} × {len(header.bands)}, {header.bits} bits "
            f"in {header.packets:,} packets is beyond the format"
        )
    with whole_path(path) as part, part.open("xb", buffering=1 << 20) as file:
        writer = Level0Writer(file, header)
        yield writer
        writer.image(header.rows - 1)
