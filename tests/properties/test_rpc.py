"""Whatever the RPC: it is inverted where it holds, moved with its extract, and found again in its file."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.rpc_files import read_rpc, write_rpc
from unit.imagery.sensed import make_rpc

small = st.floats(-1e-3, 1e-3)


@st.composite
def models(draw: st.DrawFn) -> Rpc:
    """Models of any size, lean and place, with a little of every coefficient."""
    base = make_rpc(
        rows=draw(st.integers(200, 40_000)),
        columns=draw(st.integers(200, 40_000)),
        lean=draw(st.floats(-0.6, 0.6)),
    )
    lon, lat = draw(st.floats(-180, 180)), draw(st.floats(-80, 80))

    def bent(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(value + draw(small) for value in values)

    return replace(
        base,
        lon_off_deg=lon,
        lat_off_deg=lat,
        row_num=bent(base.row_num),
        column_num=bent(base.column_num),
        row_den=(1.0, *bent(base.row_den[1:])),
        column_den=(1.0, *bent(base.column_den[1:])),
    )


@given(models(), st.floats(0, 1), st.floats(0, 1), st.floats(-200, 800))
@settings(max_examples=60, deadline=None)
def test_location_closes_and_moves_with_an_extract(
    rpc: Rpc, across: float, down: float, height: float
) -> None:
    column, row = across * (rpc.shape[1] - 1), down * (rpc.shape[0] - 1)
    lon, lat = rpc.locate(column, row, height)
    assert np.isfinite(lon)
    assert -180.0 <= lon <= 180.0
    back = rpc.project(lon, lat, height)
    assert abs(back[0] - column) < 1e-4
    assert abs(back[1] - row) < 1e-4
    moved = rpc.shifted(100.0, 50.0, (10, 10)).project(lon, lat, height)
    assert abs(moved[0] - back[0] + 100.0) < 1e-6
    assert abs(moved[1] - back[1] + 50.0) < 1e-6


@given(models(), st.sampled_from([".RPB", "_RPC.TXT"]))
@settings(max_examples=20, deadline=None)
def test_a_file_gives_back_what_was_written(rpc: Rpc, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert read_rpc(write_rpc(Path(folder) / f"a{ending}", rpc), rpc.shape) == rpc
