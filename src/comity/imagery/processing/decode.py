"""Level 0 to 1A: packets to counts, with the geometry that came with them and what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError, Progress, silent, write_text
from comity.imagery.geometry.rpc_files import find_rpc, read_rpc, write_rpc
from comity.imagery.geometry.sidecar import KIND, VERSION, camera_from_json, camera_path, write_camera
from comity.imagery.level0 import content
from comity.imagery.level0.calibration import read_calibration
from comity.imagery.level0.reading import MISSING, Gap, Level0Image, open_level0
from comity.imagery.processing.blocks import fingerprint, write_cog
from comity.imagery.processing.raster import RasterLayout

#: Fewer poses than this make no geometry.
_FEWEST_POSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A level-1A image.

    ``image``: counts as digitised, 65535 where not received. ``report``: JSON with ``gaps`` and telemetry.
    ``geometry``: the ``.camera.json`` or RPC beside it, None without. ``missing``: part (0…1) of each band
    that was not received. ``rubbish_bytes``: of no whole packet. ``foreign``, ``repeated``: packets of no
    use.
    """

    image: Path
    report: Path
    geometry: Path | None
    rows: int
    columns: int
    bands: tuple[str, ...]
    start: Epoch
    packets: int
    foreign: int
    repeated: int
    rubbish_bytes: int
    missing: Mapping[str, float]
    gaps: tuple[Gap, ...]
    simulated: bool


def decode(
    raw: Path,
    out: Path,
    *,
    calibration: Path | None = None,
    rpc: Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> Decoded:
    """Decode a level-0 file to the GeoTIFF ``out`` in sensor geometry.

    Beside it ``OUT.l1a.json`` says what was missing. With ``calibration``, whose interior orientation is
    known, orbit and attitude of the packets become ``OUT.camera.json``; an ``rpc`` file (or one beside
    ``raw``) becomes ``OUT_RPC.TXT``. Damage of any kind costs the samples it hits, no more.

    Raises :class:`InputError` naming the file: not readable, without one whole image packet, a calibration of
    another camera, or ``out`` cannot be written.
    """
    from rasterio.transform import Affine
    from rasterio.windows import Window

    with open_level0(raw) as image:
        form = image.header
        start = Epoch(form.start_tai_ns)
        model = _camera(raw, image, calibration) if calibration is not None else None
        warmth = [one.values[0] for one in image.telemetry if one.kind == content.HOUSEKEEPING]
        layout = RasterLayout(
            crs=None,
            transform=Affine.identity(),
            width=form.columns,
            height=form.rows,
            dtype="uint16",
            bands=form.bands,
            nodata=float(MISSING),
        )
        tags = {
            "COMITY_LEVEL": "L1A",
            "COMITY_START": start.iso(9),
            "COMITY_LINE_S": repr(form.line_s),
            "COMITY_SPACECRAFT": form.spacecraft,
            "COMITY_INSTRUMENT": form.instrument,
            "COMITY_BITS": str(form.bits),
            "SIMULATED": "YES" if form.simulated else "NO",
        }
        if warmth:
            tags["COMITY_FOCAL_PLANE_C"] = repr(float(np.mean(warmth)))

        def render(window: Window) -> NDArray[np.uint16]:
            return image.read(window.row_off, window.height, window.col_off, window.width)

        write_cog(
            out,
            layout,
            render,
            recipe=fingerprint("L1A", raw, form),
            workers=workers,
            progress=progress,
            tags=tags,
            overviews="nearest",
        )
        gaps = image.gaps()
        whole = form.rows * form.columns
        lost = {band: sum(g.rows * g.columns for g in gaps if g.band == band) / whole for band in form.bands}
        geometry = _write_geometry(out, model, rpc or find_rpc(raw), (form.rows, form.columns))
        report = out.with_name(f"{out.stem}.l1a.json")
        decoded = Decoded(
            image=out,
            report=report,
            geometry=geometry,
            rows=form.rows,
            columns=form.columns,
            bands=form.bands,
            start=start,
            packets=image.packets,
            foreign=image.foreign,
            repeated=image.repeated,
            rubbish_bytes=image.rubbish_bytes,
            missing=lost,
            gaps=gaps,
            simulated=form.simulated,
        )
        write_text(report, json.dumps(_told(decoded, image, raw), indent=1) + "\n")
    return decoded


def _camera(raw: Path, image: Level0Image, calibration: Path) -> Any:
    """The rigorous geometry of telemetry and a calibrated camera; None where either says too little."""
    key = read_calibration(calibration)
    form = image.header
    if (key.columns, key.instrument) != (form.columns, form.instrument):
        raise InputError(
            f"{calibration} is of {key.instrument}, {key.columns} columns; {raw} was taken by "
            f"{form.instrument} with {form.columns}"
        )
    orbit = {one.seconds: one.values for one in image.telemetry if one.kind == content.ORBIT}
    turn = {one.seconds: one.values for one in image.telemetry if one.kind == content.ATTITUDE}
    # Poses of which half was lost are left out: the other half alone is none.
    both = sorted(orbit.keys() & turn.keys())
    if key.camera is None or len(both) < _FEWEST_POSES:
        return None
    document = {
        "type": KIND,
        "version": VERSION,
        "camera": key.camera,
        "image": {
            "rows": form.rows,
            "columns": form.columns,
            "first_row_s": 0.0,
            "row_period_s": form.line_s,
            "offset_px": list(form.offset_px),
        },
        "epoch": Epoch(form.start_tai_ns).iso(9),
        "orbit": {
            "seconds": both,
            "position_m": [orbit[at][:3] for at in both],
            "velocity_m_s": [orbit[at][3:] for at in both],
        },
        "attitude": {"seconds": both, "quaternion": [turn[at] for at in both]},
    }
    try:
        return camera_from_json(document)
    except InputError as error:
        raise InputError(f"{raw} with {calibration}: {error}") from error


def _write_geometry(out: Path, model: Any, rpc: Path | None, shape: tuple[int, int]) -> Path | None:
    if model is not None:
        return write_camera(model, camera_path(out))
    if rpc is not None:
        return write_rpc(out.with_name(f"{out.stem}_RPC.TXT"), read_rpc(rpc, shape))
    return None


def _told(decoded: Decoded, image: Level0Image, raw: Path) -> dict[str, Any]:
    form = image.header
    return {
        "level": "L1A",
        "source": raw.name,
        "simulated": decoded.simulated,
        "spacecraft": form.spacecraft,
        "instrument": form.instrument,
        "start": decoded.start.iso(9),
        "line_s": form.line_s,
        "bits": form.bits,
        "rows": form.rows,
        "columns": form.columns,
        "bands": list(form.bands),
        "packets": decoded.packets,
        "packets_of_no_use": decoded.foreign,
        "packets_repeated": decoded.repeated,
        "rubbish_bytes": decoded.rubbish_bytes,
        "missing": dict(decoded.missing),
        "gaps": [asdict(gap) for gap in decoded.gaps],
        "focal_plane_c": [
            [one.seconds, one.values[0]] for one in image.telemetry if one.kind == content.HOUSEKEEPING
        ],
        "geometry": decoded.geometry.name if decoded.geometry is not None else None,
    }
