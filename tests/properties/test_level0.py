"""Whatever happens to a level-0 file, its reader says what is left and is never wrong about a sample."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comity.core import Epoch, InputError
from comity.imagery.level0 import content
from comity.imagery.level0.content import ImageHeader
from comity.imagery.level0.packets import Packet, Rubbish, scan
from comity.imagery.level0.reading import MISSING, open_level0
from comity.imagery.level0.writing import level0_file

START = Epoch.from_iso("2024-09-23T07:00:00Z")
FORM = ImageHeader(
    image=3,
    start_tai_ns=START.tai_ns,
    line_s=1e-3,
    columns=75,
    rows=61,
    bits=11,
    strip_rows=8,
    segment_columns=32,
    simulated=True,
    bands=("red", "nir"),
    spacecraft="A",
    instrument="B",
)
COUNTS = np.random.default_rng(5).integers(0, 2_048, (2, 61, 75), dtype=np.uint16)
_FILE: list[bytes] = []


def whole(tmp_path_factory) -> bytes:
    if not _FILE:
        path = tmp_path_factory.mktemp("level0") / "a.l0"
        with level0_file(path, FORM) as writer:
            for row in range(0, FORM.rows, FORM.strip_rows):
                writer.strip(row, COUNTS[:, row : row + FORM.strip_rows])
        _FILE.append(path.read_bytes())
    return _FILE[0]


DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "put", "copy"]),
        st.floats(0, 1),
        st.integers(1, 400),
        st.integers(0, 2**32 - 1),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=DAMAGE, end=st.floats(0, 1))
def test_damage_is_told_and_no_sample_is_wrong(tmp_path_factory, tmp_path, damage, end):
    raw = bytearray(whole(tmp_path_factory))
    for kind, where, size, seed in damage:
        at = int(where * len(raw))
        noise = np.random.default_rng(seed).bytes(size)
        if kind == "flip":
            raw[at : at + size] = noise[: len(raw[at : at + size])]
        elif kind == "cut":
            del raw[at : at + size]
        elif kind == "put":
            raw[at:at] = noise
        else:
            raw[at:at] = raw[at // 2 : at // 2 + size]
    raw = raw[: int(len(raw) * (0.3 + 0.7 * end))]
    path = tmp_path / "b.l0"
    path.write_bytes(raw)
    try:
        with open_level0(path) as image:
            found = image.read(0, FORM.rows, 0, FORM.columns)
            gaps = image.gaps()
            packets, rubbish = image.packets, image.rubbish_bytes
    except InputError as error:
        assert "no whole image packet" in str(error) or "empty" in str(error)
        return
    assert (found[found != MISSING] == COUNTS[found != MISSING]).all()
    covered = np.zeros(found.shape, bool)
    for gap in gaps:
        part = covered[
            FORM.bands.index(gap.band),
            gap.first_row : gap.first_row + gap.rows,
            gap.first_column : gap.first_column + gap.columns,
        ]
        assert not part.any()
        part[:] = True
    assert (covered == (found == MISSING)).all()
    assert packets > 0
    assert 0 <= rubbish < len(raw)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_cut_into_packets_and_rubbish(raw):
    at = 0
    for item in scan(raw, content.APIDS):
        assert isinstance(item, (Packet, Rubbish))
        start = item.offset if isinstance(item, Packet) else item.start
        assert start >= at
        at = start + 1 if isinstance(item, Packet) else item.end


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.integers(6, 15))
def test_user_data_of_any_kind_are_read_or_refused(data, bits):
    content.unpack_image(data)
    for kind in content.TELEMETRY:
        content.unpack_sample(kind, data)
    segment = content.unpack_segment(data)
    if segment is not None:
        samples = content.samples_of(segment, bits)
        assert samples is None or (
            samples.shape == (segment.rows, segment.columns) and samples.max() < 1 << bits
        )


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(6, 15), st.integers(0, 99), st.booleans())
def test_segments_of_any_size_come_back(rows, columns, bits, seed, noisy):
    random = np.random.default_rng(seed)
    spread = 1 << bits if noisy else 3
    counts = random.integers(0, spread, (rows, columns), dtype=np.uint16)
    segment = content.unpack_segment(content.pack_segment(1, 8, 16, counts, bits))
    assert segment is not None
    assert (segment.first_row, segment.first_column) == (8, 16)
    back = content.samples_of(segment, bits)
    assert back is not None and (back == counts).all()
