"""Level 0: what goes in comes out to the bit, and damage costs what it hits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from spacepackets.ccsds import PacketType, SpacePacketHeader
from spacepackets.ccsds.spacepacket import get_space_packet_id_bytes

from comity.core import Epoch, InputError
from comity.imagery.level0 import content
from comity.imagery.level0.content import ImageHeader, Sample
from comity.imagery.level0.packets import Packet, Rubbish, checksum, pack, pack_time, scan, unpack_time
from comity.imagery.level0.reading import MISSING, open_level0
from comity.imagery.level0.writing import level0_file

START = Epoch.from_iso("2024-09-23T07:00:00.123456Z")


def header(rows=203, columns=150, bits=12, bands=("blue", "green")):
    return ImageHeader(
        image=7,
        start_tai_ns=START.tai_ns,
        line_s=1e-3,
        columns=columns,
        rows=rows,
        bits=bits,
        strip_rows=8,
        segment_columns=64,
        simulated=True,
        bands=bands,
        spacecraft="Kanopus-V 3",
        instrument="MSS",
    )


def picture(form, seed=0):
    walk = np.random.default_rng(seed).normal(0, 6, (len(form.bands), form.rows, form.columns))
    return (300 + np.cumsum(walk, axis=2)).clip(0, (1 << form.bits) - 1).astype(np.uint16)


def written(path: Path, form, counts, telemetry=()):
    with level0_file(path, form) as writer:
        for sample in telemetry:
            writer.telemetry(sample)
        for row in range(0, form.rows, form.strip_rows):
            writer.strip(row, counts[:, row : row + form.strip_rows])
    return path


@pytest.mark.parametrize("bits", [8, 10, 12, 15])
def test_samples_and_telemetry_come_back_to_the_bit(tmp_path, bits):
    form = header(bits=bits)
    counts = picture(form)
    poses = [
        Sample(7, content.ATTITUDE, 0.5 + 1e-9, (0.1, -0.2, 0.3, 0.9)),
        Sample(7, content.ORBIT, 0.25, (6.9e6 + 1e-3, 1.0, 2.0, 3.0, 4.0, 7.5e3)),
    ]
    path = written(tmp_path / "a.l0", form, counts, poses)
    with open_level0(path) as image:
        assert image.header == form
        assert image.gaps() == ()
        assert (image.read(0, form.rows, 0, form.columns) == counts).all()
        assert (image.read(13, 90, 33, 77) == counts[:, 13:103, 33:110]).all()
        assert image.telemetry == tuple(reversed(poses))
        assert image.rubbish_bytes == image.foreign == 0
    # Coded: a smooth picture takes less than its bits.
    assert path.stat().st_size < counts.size * bits / 8


def test_packets_are_what_a_public_reader_takes_for_them():
    data = pack(0x123, 16_385, START, b"hello")
    read = SpacePacketHeader.unpack(data)
    assert (read.apid, read.seq_count, read.packet_len, read.sec_header_flag) == (0x123, 1, len(data), True)
    assert tuple(data[:2]) == get_space_packet_id_bytes(PacketType.TM, True, 0x123)
    assert checksum(b"123456789") == 0x29B1  # the check value of CRC-16/CCITT with all ones at the start
    assert checksum(data) == 0  # a message with its checksum leaves nothing
    # CCSDS 301.0-B-4: 2024-09-23 is day 24 372 after 1958-01-01.
    assert data[6:9] == bytes([0x41]) + (24_372).to_bytes(2)
    assert unpack_time(pack_time(START)) == START


def test_a_lost_a_spoilt_and_a_cut_packet_are_told_apart(tmp_path):
    form = header()
    counts = picture(form)
    raw = bytearray(written(tmp_path / "a.l0", form, counts).read_bytes())
    packets = [p for p in scan(bytes(raw), content.APIDS) if isinstance(p, Packet)]
    green = [p for p in packets if p.apid == content.SAMPLES + 1]
    spoilt, lost = green[4], green[10]
    raw[spoilt.offset + 40] ^= 0x10
    behind = next(p for p in packets if p.offset > lost.offset)
    del raw[lost.offset : behind.offset]
    cut = tmp_path / "b.l0"
    cut.write_bytes(raw[: -len(raw) // 10])
    with open_level0(cut) as image:
        found = image.read(0, form.rows, 0, form.columns)
        gaps = image.gaps()
    assert (found[found != MISSING] == counts[found != MISSING]).all()
    assert sum(gap.rows * gap.columns for gap in gaps) == (found == MISSING).sum()
    first, second = (gap for gap in gaps if gap.band == "green" and gap.first_row < 40)
    assert (first.first_row, first.first_column, first.columns, first.reason) == (8, 64, 64, "corrupt")
    assert (second.first_row, second.first_column, second.columns, second.reason) == (24, 64, 64, "lost")
    assert gaps[-1].first_row + gaps[-1].rows == form.rows  # the end is gone in both bands


def test_a_false_length_does_not_swallow_what_follows():
    good = [pack(0x120, n, START, bytes([n] * 30)) for n in range(4)]
    bad = bytearray(good[1])
    bad[4:6] = (20_000).to_bytes(2)
    found = list(scan(good[0] + bytes(bad) + good[2] + b"\x00" * 9 + good[3], content.APIDS))
    assert [one.sequence for one in found if isinstance(one, Packet)] == [0, 2, 3]
    assert [(one.end - one.start, one.sequence) for one in found if isinstance(one, Rubbish)] == [
        (len(bad), 1),
        (9, None),
    ]


def test_a_segment_that_decodes_to_something_else_is_a_gap(tmp_path):
    """The checksum fits, the samples do not: as from a coder gone wrong on board."""
    form = header(rows=8, columns=64, bands=("pan",))
    counts = picture(form)
    data = content.pack_segment(7, 0, 0, counts[0], 12)
    path = tmp_path / "a.l0"
    path.write_bytes(
        pack(content.IMAGE, 0, START, content.pack_image(form)) + pack(content.SAMPLES, 0, START, data[:-30])
    )
    with open_level0(path) as image:
        assert (image.read(0, 8, 0, 64) == MISSING).all()
        assert [gap.reason for gap in image.gaps()] == ["corrupt"]


@pytest.mark.parametrize(
    ("text", "why"), [(b"", "is empty"), (b"no packets here" * 99, "no whole image packet")]
)
def test_a_file_without_an_image_is_refused_by_name(tmp_path, text, why):
    path = tmp_path / "x.l0"
    path.write_bytes(text)
    with pytest.raises(InputError, match=rf"x\.l0.*{why}"), open_level0(path):
        pass


def test_counts_beyond_the_bits_are_refused_and_leave_no_file(tmp_path):
    form = header(rows=8)
    counts = picture(form)
    counts[1, 3, 5] = 4_096
    with pytest.raises(InputError, match="count 4096 exceeds 12 bits"):
        written(tmp_path / "a.l0", form, counts)
    assert list(tmp_path.iterdir()) == []
