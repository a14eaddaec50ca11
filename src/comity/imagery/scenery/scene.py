"""The simulated scene: what an imager would see over a footprint, block by block.

Real: coast (Natural Earth), relief, climate, town sizes and places, the Sun's position. Made: all
detail finer than those, from noise tied to the ground, so that each place looks the same in every
image; clouds, from noise tied to the acquisition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.imagery.grid import ImageGrid
from comity.imagery.scenery import ground, kernels, spectra
from comity.imagery.scenery.coast import LandIn, coast_sheet
from comity.imagery.scenery.landcover import Cover, Terrain, land_cover, water
from comity.imagery.scenery.noise import NoiseFrame, noise_frame, octaves
from comity.imagery.scenery.sensing import Light, sensed
from comity.imagery.scenery.settlement import TOWN_FROM, Patches, town_sheets
from comity.imagery.scenery.sheets import Sheet, smoothstep
from comity.imagery.scenery.sky import CloudCover, cloud_cover
from comity.imagery.scenery.spectra import COVERS, Band

Array = NDArray[np.float32]
F = np.float32

#: Distance to a lake (m) that counts as far; relief says no more.
_NO_LAKE_M = 0.42 * 14_000.0
_CLIMATE = ("reference_m", "aridity", "season", "temperature_c", "warmest_c", "coldest_c")

#: Noise scales (m on the noise map), gain per octave, and what they stand for.
_FIELDS = {
    "geology": (340_000.0, 0.72),
    "deposits": (90_000.0, 0.74),
    "moisture": (60_000.0, 0.74),
    "stands": (2_200.0, 0.62),
}


class Scene:
    """A scene ready to be rendered.

    Parameters
    ----------
    grid : the image's grid.
    bands : what the instrument sees, in order.
    light : Sun and view.
    cloud : fraction of the footprint under cloud, 0…1.
    month : 1…12, for season and snow.
    ground_key, sky_key : what the ground's and the clouds' noise is drawn from.
    land_in : land within lon/lat bounds (:func:`comity.fleet.territories.land_in`).
    """

    def __init__(
        self,
        *,
        grid: ImageGrid,
        bands: Sequence[Band],
        light: Light,
        cloud: float,
        month: int,
        ground_key: str,
        sky_key: str,
        land_in: LandIn,
    ) -> None:
        self.grid = grid
        self.bands = tuple(bands)
        self._light = light
        self._key = ground_key
        self._table = spectra.reflectance_table(self.bands)
        self._frame: NoiseFrame = noise_frame(*grid.centre_deg)
        self._pixel = grid.pixel_m * self._frame.stretch
        # Half resolution is enough below the finest texture; coarse pixels need every one.
        self._pitch = 1 if grid.pixel_m > 1_500.0 else 2
        self._coast = coast_sheet(grid, land_in)
        self._control = self._control_sheets()
        self._climate = self._climate_sheets(month)
        self._towns = town_sheets(grid, self._control_step)
        convergence = grid.convergence_deg()
        self._sun_azimuth = light.sun_azimuth_deg + convergence
        self.clouds: CloudCover | None = cloud_cover(
            grid, cloud, light.sun_elevation_deg, self._sun_azimuth, sky_key
        )
        self._tables = self._octave_tables()

    @property
    def _control_step(self) -> int:
        return int(2 ** max(2, min(6, math.floor(math.log2(max(250.0 / self.grid.pixel_m, 1.0))))))

    def _control_sheets(self) -> dict[str, Sheet]:
        step, margin = self._control_step, 1
        lon, lat = self.grid.nodes(step, margin)
        u, v = self._frame.position(lon, lat)
        relief = ground.relief(lon, lat)
        # Gradients along the noise map's axes, per map metre, from the positions themselves.
        du = np.gradient(u.astype(np.float64), axis=1), np.gradient(u.astype(np.float64), axis=0)
        dv = np.gradient(v.astype(np.float64), axis=1), np.gradient(v.astype(np.float64), axis=0)
        dh = np.gradient(relief.height_m, axis=1), np.gradient(relief.height_m, axis=0)
        area = du[0] * dv[1] - du[1] * dv[0]
        gx = (dh[0] * dv[1] - dh[1] * dv[0]) / area
        gy = (du[0] * dh[1] - du[1] * dh[0]) / area
        # Places wander by up to a kilometre so that noise has no straight axes anywhere.
        limit = step * self._pixel
        wander = [
            octaves(
                self._frame,
                f"{self._key}/wander{n}",
                coarsest_m=24_000.0,
                finest_m=max(3 * limit, 3_000.0),
                gain=0.5,
            )
            for n in (0, 1)
        ]
        wu = u + F(2_600.0) * kernels.fbm(u, v, wander[0])
        wv = v + F(2_600.0) * kernels.fbm(u, v, wander[1])
        fields = {
            "u": u,
            "v": v,
            "wu": wu,
            "wv": wv,
            "height": relief.height_m,
            "gx": gx,
            "gy": gy,
            "rough": relief.scatter_m,
            "lake_m": np.minimum(_NO_LAKE_M - 14_000.0 * relief.lake, ground.small_lakes_m(lon, lat)),
        }
        return {name: Sheet(value.astype(np.float32), step, margin) for name, value in fields.items()}

    def _climate_sheets(self, month: int) -> dict[str, Sheet]:
        step = self._control_step * max(1, round(8_000.0 / (self._control_step * self.grid.pixel_m)))
        lon, lat = self.grid.nodes(step, 1)
        here = ground.climate(lon, lat, month)
        fields = {
            "aridity": here.aridity,
            "season": here.season,
            "temperature_c": here.temperature_c,
            "warmest_c": here.warmest_c,
            "coldest_c": here.coldest_c,
            "reference_m": ground.reference_height(lon, lat),
        }
        return {name: Sheet(value.astype(np.float32), step, 1) for name, value in fields.items()}

    def _octave_tables(self) -> dict[str, NDArray[np.float64]]:
        fine = self._pixel * self._pitch

        def table(
            name: str, coarsest: float, gain: float, finest: float, amplitude: float = 1.0
        ) -> NDArray[np.float64]:
            return octaves(
                self._frame,
                f"{self._key}/{name}",
                coarsest_m=coarsest,
                finest_m=finest,
                gain=gain,
                amplitude=amplitude,
            )

        tables = {
            name: table(name, s, gain, 2 * fine, 2.6 if fine < 800.0 else 1.1)
            for name, (s, gain) in _FIELDS.items()
        }
        tables["hills"] = table("hills", 16_000.0, 0.6, max(2 * fine, 1_500.0), 3.8)
        tables["gullies"] = table("gullies", 4_200.0, 1.0, 1.4 * fine)
        tables["texture"] = table("texture", 640.0, 0.85, 2 * self._pixel, 1.0)
        tables["shore"] = table("shore", 2_600.0, 0.6, 2 * fine, 520.0)
        tables["lakeshore"] = table("lakeshore", 11_000.0, 0.58, 2 * fine, 4_500.0)
        tables["fields"] = table("fields", 5_000.0, 0.55, max(2 * self._pixel, 300.0), 2.4)
        tables["suburbs"] = table("suburbs", 3_500.0, 0.6, max(2 * self._pixel, 120.0), 2.2)
        tables["shelf"] = table("shelf", 9_000.0, 0.62, 2 * fine, 2.4)
        tables["swirl"] = table("swirl", 200_000.0, 0.72, 2 * fine, 2.0)
        return tables

    def render(self, first: int, last: int) -> NDArray[np.uint16]:
        """Counts (bands, rows, cols) of image rows ``first`` … ``last`` − 1; none is 0.

        ``first`` is even, so that blocks agree on where the half-resolution nodes are.
        """
        rows = last - first
        half = self._half_resolution(first, rows)
        image = self._ground(half, first, rows, lit=True)
        warmth = self._lift(half.land_warmth, rows)
        if half.sea is not None:
            warmth += (self._lift(half.sea_warmth, rows) - warmth) * self._wet(half, rows)
        return sensed(image, warmth, self.bands, self._table, self._light, self.clouds, first)

    def surface(self, first: int, last: int) -> tuple[Array, Array]:
        """The ground itself in image rows ``first`` … ``last`` − 1, without light, shade, air or clouds.

        Reflectance (bands, rows, cols) and height above mean sea level (rows, cols) m, level on water.
        """
        rows = last - first
        half = self._half_resolution(first, rows)
        return self._ground(half, first, rows, lit=False), self._lift(half.height, rows)

    def _ground(self, half: _Half, first: int, rows: int, *, lit: bool) -> Array:
        cols = self.grid.width
        image = self._lift(half.land, rows)
        if half.has_land:
            u, v = (self._control[name].at(first + 0.5, 0.5, rows, cols) for name in ("u", "v"))
            self._settle(image, half, u, v, first)
            grain = self._lift(half.grain, rows) * kernels.fbm(u, v, self._tables["texture"])
            seen = F(1.0) + grain
            if lit:
                seen *= self._lift(half.light, rows)
            image *= seen
        if half.sea is not None:
            image += (self._lift(half.sea, rows) - image) * self._wet(half, rows)
        return image

    def _wet(self, half: _Half, rows: int) -> Array:
        """Part of each pixel that is under water."""
        wet: Array = np.clip(F(0.5) - self._lift(half.shore, rows) / F(self.grid.pixel_m), 0, 1)
        return wet

    def _lift(self, nodes: Array, rows: int) -> Array:
        """Half-resolution nodes of a block, (…, r, c), at its pixel centres, (…, rows, cols)."""
        pitch = float(self._pitch)
        cols = self.grid.width
        if nodes.ndim == 2:
            found: Array = kernels.enlarge(nodes, pitch, 0.5 + pitch, 0.5 + pitch, rows, cols, 1.0)
            return found
        return np.stack([self._lift(layer, rows) for layer in nodes])

    def _half_resolution(self, first: int, rows: int) -> _Half:
        """Everything smooth enough for every second pixel, with one node around the block."""
        pitch = self._pitch
        n_rows = math.ceil(rows / pitch) + 4
        n_cols = math.ceil(self.grid.width / pitch) + 4
        start = (float(first - pitch), float(-pitch), n_rows, n_cols, float(pitch))
        sheet = {name: one.at(*start) for name, one in {**self._control, **self._climate}.items()}
        wu, wv = sheet["wu"], sheet["wv"]
        shore = self._shore(start, wu, wv, sheet["lake_m"])
        rim = 2 * self.grid.pixel_m
        has_land, has_water = bool(shore.max() > -rim), bool(shore.min() < rim)
        shape = (len(self.bands), n_rows, n_cols)
        blank = np.zeros(shape[1:], np.float32)
        if has_land:
            cover, light, height, stands = self._land(sheet, wu, wv)
            land, grain, tilled = cover.reflectance, cover.grain, cover.tilled
            arable = cover.arable * (F(1.0) - cover.snow)
            heat = F(16.0 * max(0.0, math.sin(math.radians(self._light.sun_elevation_deg))))
            dry = (F(1.0) - F(0.75) * cover.green) * (F(1.0) - cover.snow)
            climb = F(0.0065) * (height - sheet["reference_m"])
            land_warmth = sheet["temperature_c"] - climb + heat * dry * light
        else:
            land, grain, arable, tilled, light, stands = np.zeros(shape, np.float32), *(blank,) * 5
            height = blank
            land_warmth = sheet["temperature_c"]
        sea = self._sea(shore, sheet, wu, wv) if has_water else None
        return _Half(
            land=land,
            land_warmth=land_warmth + F(273.15),
            grain=grain,
            arable=arable,
            tilled=tilled,
            season=sheet["season"],
            moist=sheet["aridity"],
            light=light,
            height=_above_water(height, sheet["height"], shore, sheet["lake_m"]),
            stands=stands,
            shore=shore,
            sea=sea,
            sea_warmth=np.maximum(sheet["temperature_c"], F(-1.8)) + F(273.15),
            has_land=has_land,
        )

    def _shore(
        self, start: tuple[float, float, int, int, float], wu: Array, wv: Array, lake_m: Array
    ) -> Array:
        """Distance to water, m, positive on land: the drawn coast, broken as finer charts show it."""
        drawn = self._coast.at(*start)
        if drawn.max() < -2_000.0:
            return drawn
        shore: Array = drawn
        if drawn.min() < 2_000.0:
            # A chart at 1:10 million is right to some hundred metres: farther off nothing changes.
            ragged = kernels.fbm(wu, wv, self._tables["shore"])
            shore = drawn + ragged * np.exp(-np.square(drawn / F(900.0)))
        if lake_m.min() < _NO_LAKE_M - 1.0:
            # Lakes are known to a cell of 9 km, small ones as ellipses: those need more of it.
            ragged = kernels.fbm(wu, wv, self._tables["lakeshore"])
            shore = np.minimum(shore, lake_m + ragged * np.exp(-np.square(lake_m / F(4_000.0))))
        return shore

    def _land(self, sheet: dict[str, Array], wu: Array, wv: Array) -> tuple[Cover, Array, Array, Array]:
        """Cover, light on it (1 on level ground), height (m) and the noise of stands."""
        node_m = self.grid.pixel_m * self._pitch
        height, channel = kernels.terrain(
            wu,
            wv,
            sheet["height"],
            sheet["gx"],
            sheet["gy"],
            sheet["rough"],
            self._tables["hills"],
            self._tables["gullies"],
            F(1.45),
        )
        down, east = np.gradient(height, F(node_m))
        north = -down
        steep2 = east * east + north * north
        noise = {name: kernels.fbm(wu, wv, self._tables[name]) for name in _FIELDS}
        cover = land_cover(
            Terrain(
                height_m=height,
                measured_m=sheet["height"],
                slope=np.sqrt(steep2),
                channel=channel,
                **{name: sheet[name] for name in _CLIMATE},
                **noise,
            ),
            self._table,
        )
        elevation = math.radians(max(self._light.sun_elevation_deg, 4.0))
        azimuth = math.radians(self._sun_azimuth)
        facing = F(math.sin(elevation)) - F(math.cos(elevation)) * (
            east * F(math.sin(azimuth)) + north * F(math.cos(azimuth))
        )
        direct = np.maximum(facing, 0) / np.sqrt(F(1.0) + steep2) * F(1.0 / math.sin(elevation))
        light = F(0.12) + F(0.88) * np.minimum(direct, F(2.2))
        return cover, light, height, noise["stands"]

    def _sea(self, shore: Array, sheet: dict[str, Array], wu: Array, wv: Array) -> Array:
        shelf = kernels.fbm(wu, wv, self._tables["shelf"])
        swirl = kernels.fbm(wu, wv, self._tables["swirl"])
        warm = smoothstep(14.0, 25.0, sheet["coldest_c"])
        wet_coast = smoothstep(0.35, 1.3, sheet["aridity"])
        fresh = smoothstep(5_800.0, 2_000.0, sheet["lake_m"])
        clear = (F(0.15) + F(0.85) * warm) * (F(1.0) - F(0.75) * wet_coast) * (F(1.0) - F(0.6) * fresh)
        turbid = np.clip(F(0.05) + F(0.6) * wet_coast + F(0.25) * fresh, 0, 1)
        sea = water(np.maximum(-shore, 0), self._table, clear, shelf, swirl, turbid)
        ice = smoothstep(-4.0, -13.0, sheet["temperature_c"] + F(2.5) * swirl)
        if ice.any():
            floes = ice * smoothstep(-0.5, 0.1, shelf + F(2.5) * (ice - F(0.5)))
            for band, white in enumerate(self._table[COVERS["snow"]]):
                sea[band] += (white * F(0.9) - sea[band]) * floes
        return sea

    def _settle(self, image: Array, half: _Half, u: Array, v: Array, first: int) -> None:
        """Lay fields and streets over the land, in place."""
        rows, cols = u.shape
        lay = Patches(
            u=u,
            v=v,
            origin=(self._frame.u0, self._frame.v0),
            pixel_m=self._pixel,
            table=self._table,
            key=self._key,
        )
        people = self._towns.reach.at(first + 0.5, 0.5, rows, cols)
        tilled = self._lift(half.arable, rows) * np.maximum(self._lift(half.tilled, rows), F(1.1) * people)
        season = self._lift(half.season, rows)
        if self.grid.pixel_m < 120.0 and tilled.max() > 0.03:
            lay.fields(image, tilled, season, kernels.fbm(u, v, self._tables["fields"]))
        density = self._towns.density.at(first + 0.5, 0.5, rows, cols)
        if density.max() > TOWN_FROM:
            gardens = smoothstep(0.15, 0.8, self._lift(half.moist, rows)) * season
            ragged = kernels.fbm(u, v, self._tables["suburbs"])
            lay.streets(image, density, gardens, ragged, self._lift(half.stands, rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """Half-resolution nodes of one block."""

    land: Array
    land_warmth: Array
    grain: Array
    arable: Array
    tilled: Array
    season: Array
    moist: Array
    light: Array
    height: Array
    stands: Array
    shore: Array
    sea: Array | None
    sea_warmth: Array
    has_land: bool


def _above_water(height: Array, measured: Array, shore: Array, lake_m: Array) -> Array:
    """Heights with level water, the sea at 0, a lake on the measured relief; banks rise from it."""
    level = measured * smoothstep(4_000.0, 1_000.0, lake_m)
    # Made-up hills have hollows too: where the measured relief is not below the sea they end above it.
    floor = np.minimum(measured, F(0.0))
    above = height - floor
    dry = floor + F(0.5) * (above + np.sqrt(above * above + F(40.0 * 40.0)))
    return np.asarray(level + (dry - level) * smoothstep(0.0, 300.0, shore), np.float32)
