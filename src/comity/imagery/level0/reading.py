"""Reading a level-0 file, damaged or not: what is there, what is missing, the samples row by row."""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError
from comity.imagery.level0 import content
from comity.imagery.level0.content import Counts, ImageHeader, Sample
from comity.imagery.level0.packets import (
    CRC_BYTES,
    HEADER_BYTES,
    SEQUENCE_MODULUS,
    TIME_BYTES,
    Rubbish,
    scan,
)

Reason = Literal["lost", "corrupt"]

#: The count that says a pixel was not received; no sample of the format reaches it.
MISSING = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A rectangle of one band that was not received.

    ``reason``: "corrupt" where its packets came and were spoilt, "lost" where nothing of them was found.
    """

    band: str
    first_row: int
    rows: int
    first_column: int
    columns: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Rectangle:
    """Where a packet of samples lies, and which rectangle of which image it says it holds."""

    offset: int
    band: int
    sequence: int
    image: int
    first_row: int
    rows: int
    first_column: int
    columns: int


class Level0Image:
    """The image in a level-0 file; made by :func:`open_level0`.

    ``header``: its form. ``telemetry``: samples by time. ``packets``: whole ones of this image.
    ``rubbish_bytes``: bytes that belong to no whole packet. ``foreign``: packets of other images or without
    sense. ``repeated``: rectangles that came more than once (the first counts).
    """

    def __init__(self, view: memoryview, path: Path) -> None:
        self._view = view
        self.foreign = self.repeated = self.rubbish_bytes = 0
        forms: Counter[ImageHeader] = Counter()
        samples: list[Sample] = []
        rectangles: list[_Rectangle] = []
        self._corrupt: set[tuple[int, int]] = set()
        for item in scan(view, content.APIDS):
            if isinstance(item, Rubbish):
                self.rubbish_bytes += item.end - item.start
                if item.apid is not None and item.sequence is not None:
                    self._corrupt.add((item.apid - content.SAMPLES, item.sequence))
            elif item.apid == content.IMAGE and (form := content.unpack_image(item.data)):
                forms[form] += 1
            elif item.apid in content.TELEMETRY and (sample := content.unpack_sample(item.apid, item.data)):
                samples.append(sample)
            elif item.apid >= content.SAMPLES and (segment := content.unpack_segment(item.data)):
                place = (
                    segment.image,
                    segment.first_row,
                    segment.rows,
                    segment.first_column,
                    segment.columns,
                )
                rectangles.append(_Rectangle(item.offset, item.apid - content.SAMPLES, item.sequence, *place))
            else:
                self.foreign += 1
        if not forms:
            raise InputError(
                f"{path}: no whole image packet in {len(view):,} bytes: not a level-0 file, or all is lost"
            )
        self.header = forms.most_common(1)[0][0]
        mine = [sample for sample in samples if sample.image == self.header.image]
        self.telemetry = tuple(sorted(mine, key=lambda sample: sample.seconds))
        shape = (len(self.header.bands), self.header.strips, self.header.segments)
        self._offset: NDArray[np.int64] = np.full(shape, -1, np.int64)
        self._sequence: NDArray[np.int32] = np.full(shape, -1, np.int32)
        for one in rectangles:
            self._place(one)
        placed = int((self._offset >= 0).sum())
        self.packets = forms[self.header] + len(mine) + placed
        self.foreign += forms.total() - forms[self.header] + len(samples) - len(mine)

    def _place(self, one: _Rectangle) -> None:
        """Note where a rectangle lies, if it is one of this image's."""
        form = self.header
        strip, above = divmod(one.first_row, form.strip_rows)
        segment, left = divmod(one.first_column, form.segment_columns)
        fits = (
            one.image == form.image
            and one.band < len(form.bands)
            and not above
            and not left
            and one.first_row < form.rows
            and one.first_column < form.columns
            and one.rows == min(form.strip_rows, form.rows - one.first_row)
            and one.columns == min(form.segment_columns, form.columns - one.first_column)
        )
        if not fits:
            self.foreign += 1
        elif self._offset[one.band, strip, segment] >= 0:
            self.repeated += 1
        else:
            self._offset[one.band, strip, segment] = one.offset
            self._sequence[one.band, strip, segment] = one.sequence

    def read(self, first_row: int, rows: int, first_column: int, columns: int) -> Counts:
        """Counts (bands, rows, columns) of a rectangle, ``MISSING`` where not received.

        Packets whose samples cannot be decoded though their checksum fits become gaps.
        """
        form = self.header
        counts = np.full((len(form.bands), rows, columns), MISSING, np.uint16)
        strips = slice(first_row // form.strip_rows, -(-(first_row + rows) // form.strip_rows))
        segments = slice(
            first_column // form.segment_columns, -(-(first_column + columns) // form.segment_columns)
        )
        for band, strip, segment in np.argwhere(self._offset[:, strips, segments] >= 0):
            at = (band, strip + strips.start, segment + segments.start)
            samples = self._samples(int(self._offset[at]))
            if samples is None:
                self._offset[at] = -1
                self._corrupt.add((int(band), int(self._sequence[at])))
                continue
            top = at[1] * form.strip_rows - first_row
            left = at[2] * form.segment_columns - first_column
            part = samples[max(-top, 0) : rows - top, max(-left, 0) : columns - left]
            top, left = max(top, 0), max(left, 0)
            counts[band, top : top + part.shape[0], left : left + part.shape[1]] = part
        return counts

    def _samples(self, offset: int) -> Counts | None:
        length = int.from_bytes(self._view[offset + 4 : offset + 6]) + 1
        data = self._view[offset + HEADER_BYTES + TIME_BYTES : offset + HEADER_BYTES + length - CRC_BYTES]
        segment = content.unpack_segment(bytes(data))
        return None if segment is None else content.samples_of(segment, self.header.bits)

    def gaps(self) -> tuple[Gap, ...]:
        """What was not received, in rectangles as large as they come, by band and row."""
        form = self.header
        gaps: list[Gap] = []
        for band, name in enumerate(form.bands):
            open_above: dict[tuple[int, int, Reason], int] = {}
            for strip in range(form.strips + 1):
                runs = self._runs(band, strip) if strip < form.strips else set()
                for run in [one for one in open_above if one not in runs]:
                    first = open_above.pop(run) * form.strip_rows
                    left = run[0] * form.segment_columns
                    right = min(run[1] * form.segment_columns, form.columns)
                    rows = min(strip * form.strip_rows, form.rows) - first
                    gaps.append(
                        Gap(
                            band=name,
                            first_row=first,
                            rows=rows,
                            first_column=left,
                            columns=right - left,
                            reason=run[2],
                        )
                    )
                for run in runs:
                    open_above.setdefault(run, strip)
        return tuple(
            sorted(gaps, key=lambda gap: (form.bands.index(gap.band), gap.first_row, gap.first_column))
        )

    def _runs(self, band: int, strip: int) -> set[tuple[int, int, Reason]]:
        """Neighbouring missing segments of a strip: first, behind the last, why."""
        runs: list[tuple[int, int, Reason]] = []
        for segment in np.flatnonzero(self._offset[band, strip] < 0):
            reason = self._reason(band, strip, int(segment))
            if runs and runs[-1][1] == segment and runs[-1][2] == reason:
                runs[-1] = (runs[-1][0], int(segment) + 1, reason)
            else:
                runs.append((int(segment), int(segment) + 1, reason))
        return set(runs)

    def _reason(self, band: int, strip: int, segment: int) -> Reason:
        if self._sequence[band, strip, segment] >= 0:
            return "corrupt"  # it was there, and would not decode
        # Counted on from the nearest packet of the band that is there, it would have had this number.
        numbers = self._sequence[band].ravel()
        here = strip * self.header.segments + segment
        known = self._known(band)
        if not len(known):
            return "lost"
        after = int(np.searchsorted(known, here))
        nearest = int(known[min(after, len(known) - 1)])
        number = (int(numbers[nearest]) + here - nearest) % SEQUENCE_MODULUS
        return "corrupt" if (band, number) in self._corrupt else "lost"

    def _known(self, band: int) -> NDArray[np.int64]:
        return np.flatnonzero(self._sequence[band].ravel() >= 0)


@contextmanager
def open_level0(path: Path) -> Iterator[Level0Image]:
    """The image in a level-0 file, read where it lies; closed when the context ends.

    Raises :class:`InputError` naming the file: missing, empty, or without a whole image packet. Any other
    damage is told by the image.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size == 0:
                raise InputError(f"{path} is empty")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    view = memoryview(mapped)
    try:
        yield Level0Image(view, path)
    finally:
        # After an error its traceback may still look into the file: then it closes with that.
        with suppress(BufferError):
            view.release()
            mapped.close()
