"""Grids: what they hold adds up to the Earth or the region, and HEALPix is everybody's HEALPix."""

from __future__ import annotations

import numpy as np
import pytest

from comity.access.coverage import (
    Grid,
    box,
    country,
    equal_area_grid,
    healpix_grid,
    inside,
    lat_lon_grid,
    points_grid,
    zone,
)
from comity.access.coverage.healpix import pixel_centres
from comity.core import InputError
from comity.fleet import Area, area_km2

EARTH_KM2 = 510_065_621.724  # WGS-84, Moritz, "Geodetic Reference System 1980" gives the same to 0.1 km²


@pytest.mark.parametrize("grid", [lat_lon_grid(2.0), equal_area_grid(200_000.0), healpix_grid(16)], ids=str)
def test_the_world_has_the_earths_surface(grid: Grid) -> None:
    assert grid.area_m2.sum() / 1e6 == pytest.approx(EARTH_KM2, rel=1e-9)
    assert np.all((grid.lon_deg >= -180.0) & (grid.lon_deg < 180.0) & (np.abs(grid.lat_deg) <= 90.0))
    if grid.kind != "lat-lon":
        assert np.ptp(grid.area_m2) < 1e-6 * grid.area_m2.mean()


def test_healpix_centres_are_the_published_ones() -> None:
    """Figures printed in healpy's documentation of ``pix2ang``; ring counts of Górski et al. 2005."""
    z, lon = pixel_centres(16)
    pixels = [1440, 427, 1520, 0, 3068]
    assert np.allclose(np.arccos(z[pixels]), [1.52911759, 0.78550497, 1.57079633, 0.05103658, 3.09055608])
    assert np.allclose(lon[pixels], [0.0, 0.78539816, 1.61988371, 0.78539816, 0.78539816])
    _, per_ring = np.unique(np.round(z, 12), return_counts=True)
    assert len(per_ring) == 4 * 16 - 1 and per_ring[0] == 4 and per_ring[31] == 64
    for nside in (1, 3, 8):  # any nside is well spread: the centres' mean is the geocentre
        z, lon = pixel_centres(nside)
        assert len(z) == 12 * nside**2
        assert abs(z.sum()) < 1e-9 and abs(np.sum(np.sqrt(1 - z**2) * np.exp(1j * lon))) < 1e-9


@pytest.mark.parametrize("name", ["DJI", "FJI", "ITA"])
def test_a_country_has_its_surface_and_all_points_in_it(name: str) -> None:
    land = country(name)
    for grid in (lat_lon_grid(0.5, land), equal_area_grid(60_000.0, land)):
        assert grid.area_m2.sum() / 1e6 == pytest.approx(land.area_km2, rel=1e-6)
        assert inside(land, grid.lon_deg, grid.lat_deg).all()
    pixels = healpix_grid(128, land)
    assert pixels.area_m2.sum() / 1e6 == pytest.approx(land.area_km2, rel=0.25)


def test_a_raster_puts_every_cell_where_it_belongs() -> None:
    grid = lat_lon_grid(0.5, country("FJI"))  # on both sides of the antimeridian
    assert grid.raster is not None and grid.raster.columns < 30
    mask = grid.raster_mask
    assert mask.sum() == len(grid)
    lon = grid.on_raster(np.where(grid.lon_deg < 0.0, grid.lon_deg + 360.0, grid.lon_deg))
    lat = grid.on_raster(grid.lat_deg)
    assert np.all(np.abs(lon - grid.raster.lon_deg)[mask] <= 0.25)
    assert np.all(np.abs(lat - grid.raster.lat_deg[:, None])[mask] <= 0.25)
    assert np.isnan(lat[~mask]).all()
    with pytest.raises(InputError, match="take a lat-lon grid"):
        _ = healpix_grid(2).raster_mask


def test_boxes_and_zones() -> None:
    assert len(lat_lon_grid(10.0, box(170.0, -20.0, -170.0, 20.0))) == 8
    tropics = zone(-23.0, 23.0)
    cut = lat_lon_grid(5.0, tropics)
    assert cut.area_m2.sum() / 1e6 == pytest.approx(area_km2(tropics.geometry), rel=1e-9)
    assert len(cut) == 72 * 10


def test_bad_grids_are_refused() -> None:
    with pytest.raises(InputError, match="does not divide 180"):
        lat_lon_grid(0.7)
    with pytest.raises(InputError, match="larger cells"):
        lat_lon_grid(0.05)
    with pytest.raises(InputError, match="metres, not km"):
        equal_area_grid(100.0)
    with pytest.raises(InputError, match="larger nside"):
        healpix_grid(1, country("DJI"))
    with pytest.raises(InputError, match="latitude 91"):
        points_grid([(0.0, 91.0)])
    point = Area(name="here", geometry=country("DJI").geometry.representative_point())
    with pytest.raises(InputError, match="grid of points"):
        lat_lon_grid(1.0, point)
