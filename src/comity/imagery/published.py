"""What the imagery chain is held against: NGA, 6S, GDAL, closed forms and published instruments.

The tables lie in this package's ``data`` folder; its README says where each is from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from comity.core import Check, Comparison, compared, reference_table

if TYPE_CHECKING:
    from comity.imagery.geometry.cameras import CameraModel
    from comity.imagery.optics import OpticalInstrument

PACKAGE = "comity.imagery"

#: Test points of NGA's EGM96 program F477 (OUTPUT.DAT): lon, lat (degrees), undulation (m).
EGM96_POINTS = (
    (269.779155, 38.628155, -31.628),
    (305.021114, -14.621217, -2.969),
    (102.448729, 46.874319, -43.575),
    (133.874712, -23.617446, 15.871),
    (359.9995, 38.625473, 50.066),
    (0.0023, -0.466744, 17.329),
)


def checks() -> tuple[Check, ...]:
    """Every comparison of this package."""
    return (
        Check(name="geoid", run=_geoid),
        Check(name="rational functions", run=_rational),
        Check(name="optics", run=_optics),
        Check(name="atmosphere", run=_atmosphere),
    )


def _geoid() -> Sequence[Comparison]:
    from comity.imagery.geometry.geoid import open_geoid

    lon, lat, height = np.array(EGM96_POINTS).T
    geoid = open_geoid("egm96")
    assert geoid is not None
    found = geoid.undulation_m(lon, lat)
    return [
        compared(
            "EGM96 undulation at six places",
            "NGA, program F477, OUTPUT.DAT",
            found - height,
            0.02,
            "m",
            "a grid of 15′ with cubic splines instead of the sum of 130,000 terms",
        )
    ]


def _rational() -> Sequence[Comparison]:
    """RPCs of a made image: our evaluation against GDAL's, and our fit against the camera it is fitted to."""
    from rasterio.transform import RPCTransformer

    from comity.imagery.geometry.fitting import fit_rpc
    from comity.imagery.geometry.rpc_files import to_tag

    model = _camera()
    fit = fit_rpc(model)
    rng = np.random.default_rng(7)
    rows, columns = model.shape
    row, column = rng.uniform(0, rows - 1, 500), rng.uniform(0, columns - 1, 500)
    height = rng.uniform(-100.0, 5_000.0, 500)
    lon, lat = model.locate(column, row, height)
    ours = np.array(fit.rpc.project(lon, lat, height))
    with RPCTransformer(to_tag(fit.rpc)) as gdal:
        theirs = np.array(gdal.rowcol(lon, lat, zs=height, op=lambda value: value))[::-1]
    return [
        compared(
            "RPC, projection of 500 places",
            "GDAL's RPC transformer, through rasterio",
            # rasterio answers from the first pixel's corner, RPC00B from its centre.
            ours + 0.5 - theirs,
            1e-6,
            "px",
            "the same polynomials in double precision",
        ),
        compared(
            "RPC fitted to a pushbroom, −100 … 5,000 m",
            "the rigorous camera itself",
            ours - np.array([column, row]),
            0.05,
            "px",
            "vendors give RPCs to some hundredths of a pixel",
        ),
    ]


def _camera() -> CameraModel:
    """A pushbroom of 8,000 × 6,000 px on a real orbit, looking 1.5° beside its track."""
    from comity.fleet import load_programme
    from comity.imagery.geometry.cameras import Camera, pushbroom, square_row_period_s
    from comity.imagery.geometry.pointing import TargetPointing, pointed_platform
    from comity.orbits import EarthOrientation, SGP4Trajectory
    from comity.orbits.geodesy import ecef_to_geodetic

    elements = next(iter(load_programme("joint-eo").elements.values()))
    orbit = SGP4Trajectory(elements, EarthOrientation.bundled())
    camera = Camera(kind="pushbroom", columns=6_000, focal_length_m=6.0, pixel_pitch_m=8e-6, bands=())
    position, _ = orbit.itrf(elements.epoch, np.zeros(1))
    lon, lat, _ = (float(one[0]) for one in ecef_to_geodetic(position))
    law = TargetPointing(lon_deg=lon + 1.5, lat_deg=lat, at=elements.epoch)
    platform = pointed_platform(orbit, law, elements.epoch, -4.0, 4.0)
    period = square_row_period_s(camera, platform)
    return pushbroom(camera, platform, rows=8_000, row_period_s=period)


def pleiades() -> OpticalInstrument:
    """Pléiades-HR panchromatic as CNES and eoPortal publish it.

    Taken for usual: 30 % of central obscuration, 13 stages.
    """
    from comity.imagery.optics import OpticalInstrument

    return OpticalInstrument(
        name="Pléiades-HR PAN",
        aperture_m=0.65,
        focal_length_m=12.905,
        pixel_m=13e-6,
        columns=30_000,
        band_um=(0.48, 0.82),
        obscuration=0.30,
        tdi=13,
    )


def _optics() -> Sequence[Comparison]:
    from comity.imagery.optics import optics_mtf, sampling

    nu = np.linspace(0.0, 0.999, 301)
    worst = np.concatenate([optics_mtf(nu, e) - o_neill(nu, e) for e in (0.1, 0.3, 0.5, 0.7)])
    look = sampling(pleiades(), 694e3)
    return [
        compared(
            "MTF of an annular pupil",
            "O'Neill, JOSA 46, 285 (1956), closed form",
            100 * worst,
            0.01,
            "%",
            "the rule that integrates across the pupil",
        ),
        compared(
            "Pléiades-HR, GSD at nadir from 694 km",
            "CNES (eoPortal): 0.70 m",
            np.array([look.gsd_m - 0.70]),
            0.0035,
            "m",
            "the published figure is rounded",
        ),
        compared(
            "Pléiades-HR, swath",
            "CNES (eoPortal): 20 km",
            np.array([look.swath_m / 1e3 - 20.0]),
            1.0,
            "km",
            "the published figure is rounded, and overlaps of its arrays count in ours",
        ),
    ]


def o_neill(nu: NDArray[np.float64], e: float) -> NDArray[np.float64]:
    """MTF of an annular pupil in closed form (O'Neill 1956): ``nu`` over the cut-off, obscuration ``e``."""
    a = 2 / np.pi * (np.arccos(nu) - nu * np.sqrt(1 - nu**2))
    inner = np.minimum(nu / e, 1.0)
    b = 2 * e * e / np.pi * (np.arccos(inner) - inner * np.sqrt(1 - inner**2))
    phi = np.arccos(np.clip((1 + e * e - 4 * nu**2) / (2 * e), -1, 1))
    bridge = 2 * e / np.pi * np.sin(phi) + (1 + e * e) / np.pi * phi
    bridge -= 2 * (1 - e * e) / np.pi * np.arctan((1 + e) / (1 - e) * np.tan(phi / 2))
    c = np.select([nu <= (1 - e) / 2, nu < (1 + e) / 2], [-2 * e * e, -2 * e * e + bridge], 0.0)
    found: NDArray[np.float64] = (a + b + c) / (1 - e * e)
    return found


def _atmosphere() -> Sequence[Comparison]:
    """Ground reflectance under what 6S says the ground under 0.10, 0.20 and 0.40 at the top is."""
    from comity.imagery.processing.atmosphere import Air, Look, band_air

    table = reference_table(PACKAGE, "sixs.csv")
    names = ("sun_zenith_deg", "aot550", "low_um", "high_um", "altitude_m")
    expected = table.numbers("ground_010", "ground_020", "ground_040")
    found = np.empty_like(expected)
    for index, (sun, aot, low, high, altitude) in enumerate(table.numbers(*names)):
        air = Air(
            aot550=float(aot),
            aerosol=str(table.text("aerosol")[index]),
            water_g_cm2=2.93,
            ozone_cm_atm=0.319,
            altitude_m=float(altitude),
        )
        model = band_air((low + high) / 2, high - low, air, Look(sun_zenith_deg=float(sun)))
        found[index] = model.to_surface(np.array([0.10, 0.20, 0.40]))
    dark = (expected > 0.02) & (expected < 0.35)
    bright = expected >= 0.35
    source = "6S 4.2b, GRASS i.atcorr, nadir view, aerosol to 0.4"
    why = "gases by other tables, aerosols by other sums over particle sizes"
    return [
        compared("ground below 35 %, absolute", source, 100 * (found - expected)[dark], 0.8, "%", why),
        compared(
            "ground above 35 %, relative", source, 100 * (found / expected - 1.0)[bright], 3.0, "%", why
        ),
    ]
