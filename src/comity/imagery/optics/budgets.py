"""All that an instrument reaches on one orbit and look, and instruments from files."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from comity.core import InputError, decode, read_text
from comity.imagery.optics.ground_sampling import Sampling, line_time_s, sampling
from comity.imagery.optics.instrument import OpticalInstrument
from comity.imagery.optics.radiometry import Signal, electrons_per_radiance_s, signal, toa_radiance
from comity.imagery.optics.transfer import Modulation, modulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What an instrument reaches on one orbit and look.

    ``nyquist``: modulation at half a cycle per pixel; ``q``: λF/p; ``saturated_at``: reflectance that fills
    the pixel under the same Sun.
    """

    instrument: OpticalInstrument
    altitude_m: float
    sampling: Sampling
    line_time_s: float
    nyquist: Modulation
    q: float
    signal: Signal
    sun_elevation_deg: float
    reflectance: float
    saturated_at: float


def budget(
    instrument: OpticalInstrument,
    altitude_m: float,
    *,
    off_nadir_deg: float = 0.0,
    reflectance: float = 0.2,
    sun_elevation_deg: float = 45.0,
    slowdown: float = 1.0,
    exposure_s: float | None = None,
) -> Budget:
    """Sampling, modulation, signal and saturation of an instrument on an orbit.

    ``reflectance``: at the top of the atmosphere. ``exposure_s``: of a frame; None: a pushbroom's, all TDI
    stages of its line time over ``slowdown`` (see :class:`comity.imagery.geometry.pointing.TargetPointing`).
    Raises :class:`InputError` as the parts do.
    """
    look = sampling(instrument, altitude_m, off_nadir_deg)
    line = line_time_s(instrument, altitude_m, off_nadir_deg, slowdown=slowdown)
    exposure = instrument.tdi * line * min(instrument.scanned_px, 1.0) if exposure_s is None else exposure_s
    if exposure_s is None and instrument.scanned_px <= 0.0:
        raise InputError(f"{instrument.name} does not scan: give the exposure of its frames")
    radiance = toa_radiance(instrument.band_um, reflectance, sun_elevation_deg)
    taken = signal(instrument, radiance, exposure)
    dark = instrument.dark_e_s * exposure
    readings = instrument.tdi if instrument.summing == "digital" else 1
    per_radiance = electrons_per_radiance_s(instrument) * exposure
    white = toa_radiance(instrument.band_um, 1.0, sun_elevation_deg)
    return Budget(
        instrument=instrument,
        altitude_m=altitude_m,
        sampling=look,
        line_time_s=line,
        nyquist=modulation(instrument),
        q=instrument.q,
        signal=taken,
        sun_elevation_deg=sun_elevation_deg,
        reflectance=reflectance,
        saturated_at=(instrument.full_well_e * readings - dark) / (per_radiance * white),
    )


def read_instrument(path: Path) -> OpticalInstrument:
    """An instrument from JSON whose keys are the fields of :class:`OpticalInstrument`.

    Raises :class:`InputError` naming the file and the key that is missing, unknown or of no use.
    """
    try:
        data: Any = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: {error.msg} in line {error.lineno}") from error
    if not isinstance(data, dict):
        raise InputError(f"{path}: an instrument is a JSON object of its figures")
    known = get_type_hints(OpticalInstrument)
    unknown = [key for key in data if key not in known]
    if unknown:
        raise InputError(f"{path}: {', '.join(unknown)} is no figure of an instrument: {', '.join(known)}")
    try:
        whole = {**_DEFAULTS, **data}
        missing = [key for key in known if key not in whole]
        if missing:
            raise InputError(f"{', '.join(missing)} is missing")
        for key, value in whole.items():
            if key not in ("name", "summing") and not _numeric(value):
                raise InputError(f"{key} {value!r} is not a number, or two for band_um and smear_px")
        return decode(OpticalInstrument, whole)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _numeric(value: Any) -> bool:
    values = value if isinstance(value, list | tuple) and len(value) == 2 else [value]
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)


_DEFAULTS = {one.name: one.default for one in fields(OpticalInstrument) if one.default is not MISSING}
