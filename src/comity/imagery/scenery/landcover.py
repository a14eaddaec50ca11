"""What covers the ground, from climate, relief and noise, as reflectance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.imagery.scenery.sheets import smoothstep
from comity.imagery.scenery.spectra import COVERS

Array = NDArray[np.float32]
F = np.float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Terrain:
    """The ground of one block; every array is (rows, cols) float32.

    ``measured_m``: the measured relief alone. ``height_m``, ``slope`` (rise over run) and ``channel``
    (0…1, bed of a gully) as made; ``reference_m``: the height the climate's temperatures belong to.
    ``aridity``, ``season``, ``temperature_c``, ``warmest_c``, ``coldest_c`` as in
    :class:`comity.imagery.scenery.ground.Climate`.
    ``geology``, ``deposits``, ``moisture``, ``stands``: noise of scatter about 1, from wide
    (hundreds of km) to narrow (2 km) and finer.
    """

    height_m: Array
    measured_m: Array
    slope: Array
    channel: Array
    reference_m: Array
    aridity: Array
    season: Array
    temperature_c: Array
    warmest_c: Array
    coldest_c: Array
    geology: Array
    deposits: Array
    moisture: Array
    stands: Array


@dataclass(frozen=True, slots=True)
class Cover:
    """Land cover of a block: ``reflectance`` (bands, rows, cols), and (rows, cols) each 0…1: how much is
    ``green``, could be ``arable``, is ``tilled`` of that without a town near, and lies under ``snow``;
    ``grain`` is how mottled it looks."""

    reflectance: Array
    green: Array
    arable: Array
    tilled: Array
    snow: Array
    grain: Array


class _Layers:
    """Covers laid over each other from the top down, each hiding its part of what is below."""

    def __init__(self, shape: tuple[int, ...], table: Array) -> None:
        self._left = np.ones(shape, np.float32)
        self._table = table
        self._sum = np.zeros((table.shape[1], *shape), np.float32)

    def lay(self, cover: str, part: Array | float) -> None:
        here = self._left * part
        self._left = self._left - here
        for band, value in enumerate(self._table[COVERS[cover]]):
            self._sum[band] += here * value

    def rest(self, cover: str) -> Array:
        self.lay(cover, 1.0)
        return self._sum


def land_cover(ground: Terrain, table: Array) -> Cover:
    """Reflectance (0…1) of the land; ``table`` is :func:`spectra.reflectance_table`."""
    climb = F(0.0065) * (ground.height_m - ground.reference_m)
    now_c = ground.temperature_c - climb
    warmest_c = ground.warmest_c - climb
    coldest_c = ground.coldest_c - climb
    flat = F(1.0) - smoothstep(0.07, 0.28, ground.slope)
    moist = ground.aridity * (F(1.0) + F(0.3) * ground.moisture) * (F(1.0) + F(0.35) * ground.channel)
    # Steep faces and the last heights below the snow are bare.
    foothold = smoothstep(0.95, 0.45, ground.slope) * smoothstep(3.0, 8.5, warmest_c + ground.stands)
    grass = smoothstep(0.10, 0.48, moist) * foothold
    treeline = smoothstep(9.0, 12.5, warmest_c + F(0.8) * ground.stands)
    wooded = smoothstep(0.45, 1.25, moist + F(0.18) * ground.stands)
    trees = (
        treeline
        * wooded
        * smoothstep(1.3, 0.7, ground.slope)
        * smoothstep(-0.9, 0.35, ground.stands + F(3.2) * (wooded - F(0.45)))
    )
    cold = smoothstep(1.0, -9.0, coldest_c)
    needles = cold * smoothstep(-1.0, 1.0, ground.moisture + F(2.0) * cold - F(0.6))
    leaf = np.clip(ground.season * F(1.25), 0, 1)
    lush = leaf * smoothstep(0.25, 0.8, moist)

    snow = smoothstep(1.5, -3.0, now_c + F(0.7) * ground.stands) * smoothstep(0.02, 0.12, ground.aridity)
    snow = np.maximum(snow, smoothstep(3.5, 0.5, warmest_c + F(0.7) * ground.stands))
    snow = snow * (F(1.0) - F(0.75) * smoothstep(0.7, 1.3, ground.slope))

    # The grain belts: neither dry nor wet, with a warm summer and a winter.
    belt = smoothstep(0.32, 0.5, ground.aridity) * smoothstep(1.35, 0.95, ground.aridity)
    belt *= smoothstep(15.0, 18.0, warmest_c) * smoothstep(12.0, 4.0, coldest_c)

    layers = _Layers(ground.slope.shape, table)
    layers.lay("snow", snow * (F(1.0) - F(0.6) * trees))
    bare_wood = cold * (F(1.0) - leaf) * F(0.8)
    layers.lay("conifer", trees * needles * F(0.96))
    layers.lay("broadleaf", trees * (F(1.0) - bare_wood) * F(0.94))
    layers.lay("grass", grass * lush * F(0.85))
    layers.lay("dry grass", grass * F(0.72))
    _bare(layers, ground, flat, moist, foothold)
    reflectance = layers.rest("rock")
    return Cover(
        reflectance=reflectance,
        green=np.clip(trees + grass * lush, 0, 1),
        arable=flat
        * smoothstep(0.2, 0.5, ground.aridity)
        * (F(1.0) - F(0.4) * trees)
        * smoothstep(10.0, 15.0, warmest_c),
        tilled=F(0.12) + F(0.8) * belt,
        snow=snow,
        grain=F(0.10) + F(0.16) * trees + F(0.05) * smoothstep(0.1, 0.4, ground.slope),
    )


def _bare(layers: _Layers, ground: Terrain, flat: Array, moist: Array, foothold: Array) -> None:
    """Soils, rock and salt under and between the plants."""
    tropical = smoothstep(17.0, 24.0, (ground.warmest_c + ground.coldest_c) * F(0.5))
    humid = smoothstep(0.3, 0.75, moist) * foothold
    layers.lay("red soil", humid * tropical * F(0.8))
    layers.lay("brown soil", humid * F(0.9))
    # Salt gathers in the lowest, driest flats.
    sunken = smoothstep(-70.0, -112.0, ground.measured_m + F(9.0) * ground.deposits)
    playa = smoothstep(1.5, 2.1, ground.deposits + F(0.3) * ground.stands) * F(0.6)
    salt = np.maximum(sunken, playa) * flat * smoothstep(0.55, 0.3, ground.aridity)
    layers.lay("salt", salt * F(0.85))
    # Gravel and sand fill beds and flats; crests and flanks are bare rock.
    bed = np.clip(ground.channel * F(0.9) * smoothstep(0.35, 0.1, ground.slope), 0, 1)
    sheet = flat * smoothstep(-0.3, 0.9, ground.deposits - F(1.2) * ground.slope)
    loose = np.maximum(bed * F(0.65), sheet * F(0.9))
    layers.lay("sand", loose * smoothstep(-0.8, 1.0, ground.geology + F(0.4) * ground.deposits) * F(0.8))
    layers.lay("gravel", loose)
    layers.lay("basalt", smoothstep(0.0, 1.3, -ground.geology + F(0.25) * ground.stands) * F(0.85))
    ochre = smoothstep(0.6, 1.6, ground.geology + F(0.4) * ground.moisture) * smoothstep(
        0.9, 0.4, ground.aridity
    )
    layers.lay("red soil", ochre * F(0.45))
    layers.lay(
        "gravel", (F(0.35) + F(0.2) * ground.deposits.clip(-1, 1)) * smoothstep(0.9, 0.4, ground.aridity)
    )


def water(offshore_m: Array, table: Array, clear: Array, shelf: Array, swirl: Array, turbid: Array) -> Array:
    """Reflectance (bands, rows, cols) of water ``offshore_m`` from the shore.

    ``clear`` (0…1): reefs and bright sand seen through it; ``shelf`` (about 0 ± 1) widens or narrows
    the shallows; ``swirl`` (about 0 ± 1) mottles it; ``turbid`` (0…1): what rivers bring.
    """
    width = F(260.0) * np.exp(F(0.9) * shelf)
    near = np.exp(-offshore_m / width)
    shallow = clear * (F(0.85) * near + F(0.15) * np.exp(-offshore_m / (F(4.0) * width)))
    plume = turbid * np.clip(np.exp(-offshore_m / F(5_000.0)) * (F(0.85) + F(0.35) * swirl), 0, 1)
    murk = np.clip(plume + (F(1.0) - clear) * F(0.35) * near, 0, 1)
    deep = F(1.0) + F(0.10) * swirl
    rows = (table[COVERS[name]] for name in ("deep water", "shallow water", "turbid water"))
    bands = [
        (open_water * deep) * (F(1.0) - murk) * (F(1.0) - shallow)
        + bright * shallow * (F(1.0) - murk)
        + silt * murk
        for open_water, bright, silt in zip(*rows, strict=True)
    ]
    return np.stack(bands)
