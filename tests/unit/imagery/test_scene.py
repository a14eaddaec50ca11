"""The ground is the same in every image; clouds cover what was drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from shapely.geometry import box

from comity.imagery import ItemFiles, make_item
from unit.imagery.acquired import acquisition


def bands(files: ItemFiles) -> NDArray[np.float64]:
    with rasterio.open(files.image) as image:
        return image.read().astype(float)


def overlap(one: ItemFiles, other: ItemFiles) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts (bands, pixels) of the ground that both images show."""
    with rasterio.open(one.image) as a, rasterio.open(other.image) as b:
        west, south = max(a.bounds.left, b.bounds.left), max(a.bounds.bottom, b.bounds.bottom)
        east, north = min(a.bounds.right, b.bounds.right), min(a.bounds.top, b.bounds.top)
        both = [i.read(window=i.window(west, south, east, north)).astype(float) for i in (a, b)]
    shown = (both[0][0] > 0) & (both[1][0] > 0)
    return both[0][:, shown], both[1][:, shown]


@pytest.mark.parametrize(
    ("lon", "lat"),
    [(42.35, 11.6), (37.6, 55.75)],
    ids=["mountains and salt", "city and fields"],
)
def test_neighbouring_strips_show_the_same_ground(tmp_path: Path, lon: float, lat: float) -> None:
    left = acquisition(id="left", footprint=box(lon - 0.1, lat - 0.05, lon + 0.05, lat + 0.05))
    right = acquisition(id="right", footprint=box(lon - 0.05, lat - 0.04, lon + 0.12, lat + 0.07))
    one, other = (make_item(a, tmp_path, seed=3) for a in (left, right))
    a, b = overlap(one, other)
    assert a.shape[1] > 50_000
    for band in range(4):
        assert np.corrcoef(a[band], b[band])[0, 1] > 0.99
    elsewhere = make_item(left, tmp_path / "other seed", seed=4)
    a, b = overlap(one, elsewhere)
    assert np.corrcoef(a[2], b[2])[0, 1] < 0.8


@pytest.mark.parametrize("cloud", [0.07, 0.5, 0.93])
def test_clouds_cover_what_was_drawn(tmp_path: Path, cloud: float) -> None:
    # A cloud is what the same place without clouds is not: in the blue, half as bright as cloud or more.
    clear = bands(make_item(acquisition(delivered_gsd_m=60.0), tmp_path, seed=1))
    cloudy = bands(make_item(acquisition(delivered_gsd_m=60.0, id="cloudy", cloud=cloud), tmp_path, seed=1))
    valid = clear[0] > 0
    lift = (cloudy[0] - clear[0])[valid] / 10_000
    assert np.mean(lift > 0.14) == pytest.approx(cloud, abs=0.02)


def test_clouds_throw_shadows_away_from_the_sun(tmp_path: Path) -> None:
    clear = bands(make_item(acquisition(delivered_gsd_m=60.0), tmp_path, seed=1))[3]
    fields = {}
    for name, azimuth in (("morning", 90.0), ("evening", 270.0)):
        cloudy = bands(
            make_item(
                acquisition(
                    id="shadows",
                    delivered_gsd_m=60.0,
                    cloud=0.1,
                    sun_azimuth_deg=azimuth,
                    sun_elevation_deg=30.0,
                ),
                tmp_path / name,
                seed=1,
            )
        )[3]
        fields[name] = cloudy
    cloud = fields["morning"] > 4000
    valid = clear > 0
    dark = {name: valid & (clear > 1200) & (field < 0.65 * clear) for name, field in fields.items()}

    def where(shadow: NDArray[np.bool_]) -> int:
        """Columns from clouds to the shadows that match them best."""
        shifts = range(-70, 71)
        return max(shifts, key=lambda s: float((np.roll(cloud, s, axis=1) & shadow).sum()))

    assert where(dark["morning"]) < -5  # the Sun in the east: shadows to the west
    assert where(dark["evening"]) > 5


def test_snow_lies_in_winter_on_the_same_ground_that_is_green_in_summer(tmp_path: Path) -> None:
    from comity.core import Epoch

    seen = {}
    for month in ("01", "07"):
        start = Epoch.from_iso(f"2024-{month}-15T08:00:00Z")
        place = acquisition(
            id=f"m{month}",
            start=start,
            end=start + 5.0,
            footprint=box(36.0, 56.4, 36.2, 56.5),
            delivered_gsd_m=60.0,
        )
        seen[month] = bands(make_item(place, tmp_path, seed=1)).reshape(4, -1)
    shown = seen["01"][0] > 0
    red, nir = (np.median(seen["07"][band][shown]) for band in (2, 3))
    assert (nir - red) / (nir + red) > 0.4  # vegetation index of a Russian July
    assert np.median(seen["01"][2][shown]) > 2.5 * red
