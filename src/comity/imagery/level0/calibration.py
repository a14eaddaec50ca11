"""What the operator measured of a camera: dark signal, response, dead detectors, as a NetCDF file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError, whole_path

Floats = NDArray[np.float64]

_FORM = "comity-calibration"
_UNITS = {
    "bias": "count",
    "dark": "count",
    "flat": "1",
    "dead": "1",
    "gain": "count W-1 m2 sr um",
    "irradiance": "W m-2 um-1",
    "centre": "um",
    "width": "um",
    "read_noise": "count",
    "electrons_per_count": "1",
}
_NAMES = {
    "bias": "count without light or exposure",
    "dark": "count of the dark current over one exposure at reference_c",
    "flat": "response of a detector by the mean of its band",
    "dead": "1: detector not to be used",
    "gain": "counts of radiance",
    "irradiance": "solar irradiance in the band at 1 au",
    "centre": "wavelength in the middle of the band",
    "width": "full width at half maximum of the band",
    "read_noise": "standard deviation of the read-out",
    "electrons_per_count": "electrons of one count",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """The radiometric key of a camera.

    Count = bias + dark · 2^((T − reference_c) / doubling_c) + flat · gain · radiance, radiance in
    W m⁻² sr⁻¹ µm⁻¹. ``bands``: STAC common names, n of them. ``bias``, ``dark``, ``flat``: (n, columns).
    ``dead``: (n, columns), True for detectors not to be used. ``gain``, ``irradiance`` (W m⁻² µm⁻¹ at 1 au),
    ``centre`` and ``width`` (µm), ``read_noise`` (counts), ``electrons_per_count``: (n,). ``bits``: per
    sample. ``camera``: the interior of the camera as in a ``.camera.json``, or None where it is not known.
    ``irradiance_source``: where the irradiance is from. ``simulated``: of no real camera.
    """

    instrument: str
    bands: tuple[str, ...]
    bits: int
    bias: Floats
    dark: Floats
    flat: Floats
    dead: NDArray[np.bool_]
    gain: Floats
    irradiance: Floats
    centre: Floats
    width: Floats
    read_noise: Floats
    electrons_per_count: Floats
    reference_c: float
    doubling_c: float
    irradiance_source: str
    camera: Mapping[str, Any] | None
    simulated: bool

    def __post_init__(self) -> None:
        shape = (len(self.bands), self.columns)
        for name in ("bias", "dark", "flat", "dead"):
            if getattr(self, name).shape != shape:
                raise InputError(f"calibration: {name} is {getattr(self, name).shape}, not {shape}")
        for name in ("gain", "irradiance", "centre", "width", "read_noise", "electrons_per_count"):
            if getattr(self, name).shape != shape[:1]:
                raise InputError(f"calibration: {name} is {getattr(self, name).shape}, not {shape[:1]}")
        for name in ("bias", "dark", "flat", *("gain", "irradiance", "centre", "width")):
            if not np.isfinite(getattr(self, name)).all():
                raise InputError(f"calibration: {name} holds numbers that are not finite")
        for name in ("gain", "irradiance", "doubling_c"):
            if not (np.asarray(getattr(self, name)) > 0.0).all():
                raise InputError(f"calibration: {name} is not above 0")
        if not (self.flat[~self.dead] > 0.0).all():
            raise InputError("calibration: a detector that is not dead has a flat of 0 or less")
        if self.dead.all(axis=1).any():
            raise InputError("calibration: a band has no detector that works")

    @property
    def columns(self) -> int:
        """Detectors across."""
        return int(self.bias.shape[1])

    def offset(self, focal_plane_c: float) -> Floats:
        """Counts without light at a focal plane temperature, (n, columns)."""
        warm: Floats = self.dark * 2.0 ** ((focal_plane_c - self.reference_c) / self.doubling_c)
        return np.asarray(self.bias + warm)


def write_calibration(calibration: Calibration, path: Path) -> Path:
    """Write it as NetCDF-4, whole or not at all. Raises :class:`InputError` naming the file."""
    import netCDF4

    with whole_path(path) as part, netCDF4.Dataset(str(part), "w") as file:
        file.createDimension("band", len(calibration.bands))
        file.createDimension("column", calibration.columns)
        names = file.createVariable("band", str, ("band",))
        for index, name in enumerate(calibration.bands):
            names[index] = name
        for name, units in _UNITS.items():
            values = np.asarray(getattr(calibration, name))
            kind = "u1" if values.dtype == bool else "f8"
            variable = file.createVariable(
                name, kind, ("band", "column")[: values.ndim], zlib=values.ndim == 2
            )
            variable.units = units
            variable.long_name = _NAMES[name]
            variable[:] = values.astype(kind)
        file.setncatts(
            {
                "Conventions": "CF-1.11",
                "title": ("SIMULATED " if calibration.simulated else "")
                + f"calibration of {calibration.instrument}",
                "comity_form": _FORM,
                "instrument": calibration.instrument,
                "bits": np.int32(calibration.bits),
                "reference_c": calibration.reference_c,
                "doubling_c": calibration.doubling_c,
                "irradiance_source": calibration.irradiance_source,
                "camera": "" if calibration.camera is None else json.dumps(calibration.camera),
                "simulated": "YES" if calibration.simulated else "NO",
            }
        )
    return path


def read_calibration(path: Path) -> Calibration:
    """Read it back. Raises :class:`InputError` naming the file and what is wrong with it."""
    import netCDF4

    try:
        with netCDF4.Dataset(str(path)) as file:
            if getattr(file, "comity_form", None) != _FORM:
                raise InputError(f"{path} is no calibration of a camera")
            # A missing value would read as a masked one; the checks want it as NaN.
            found = {
                name: np.ma.filled(file[name][:], np.nan) if name != "dead" else file[name][:]
                for name in _UNITS
            }
            dead = np.ma.filled(found.pop("dead"), 1).astype(bool)
            camera = str(file.camera)
            return Calibration(
                instrument=str(file.instrument),
                bands=tuple(str(name) for name in file["band"][:]),
                bits=int(file.bits),
                dead=dead,
                reference_c=float(file.reference_c),
                doubling_c=float(file.doubling_c),
                irradiance_source=str(file.irradiance_source),
                camera=json.loads(camera) if camera else None,
                simulated=str(file.simulated) == "YES",
                **{name: np.asarray(values, np.float64) for name, values in found.items()},
            )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (IndexError, KeyError, AttributeError, ValueError) as error:
        raise InputError(f"{path} is no calibration of a camera: {error}") from error
