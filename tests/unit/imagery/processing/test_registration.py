"""Shifts between bands: found to hundredths of a pixel, refused where there is nothing to go by."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from comity.imagery.processing.registration import TILE, Surface, register, tile_places, tile_shift, verify

SHAPE = (500, 420)


def ground(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    noise = random.standard_normal((600, 600))
    return (gaussian_filter(noise, 1.2) * 3 + gaussian_filter(noise[::-1], 6.0) * 12).astype(np.float64)


def tiles(image: np.ndarray, moved=lambda c, r: (0.0 * c, 0.0 * r), noise: float = 0.0, seed: int = 0):
    """Tiles of an image whose content lies ``moved`` (columns, rows) beyond where it is expected."""
    random = np.random.default_rng(seed)

    def tile(place, shift):
        column, row = (round(value) - TILE // 2 for value in place)
        c, r = np.meshgrid(column + np.arange(TILE) + shift[0], row + np.arange(TILE) + shift[1])
        dc, dr = moved(c, r)
        found = map_coordinates(image, [r - dr + 50, c - dc + 50], order=5)
        return (found + noise * random.standard_normal(found.shape)).astype(np.float32)

    return tile


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.37, -0.81), (-3.25, 5.6)])
def test_two_tiles_are_told_apart_to_hundredths(shift):
    image = ground()
    here, there = tiles(image), tiles(image, lambda c, r: (shift[0] + 0 * c, shift[1] + 0 * r))
    found = (0.0, 0.0)
    for _ in range(3):
        dx, dy, agreement = tile_shift(here((200, 200), (0, 0)), there((200, 200), found))
        found = (found[0] + dx, found[1] + dy)
    assert found == pytest.approx(shift, abs=0.01)
    assert agreement > 0.9


def test_ground_that_is_bright_in_one_band_and_dark_in_the_other_is_no_trap():
    image = ground()
    here = tiles(image)((200, 200), (0, 0))
    there = tiles(-image, lambda c, r: (0.4 + 0 * c, -0.2 + 0 * r))((200, 200), (0, 0))
    dx, dy, agreement = tile_shift(here, there)
    assert (dx, dy) == pytest.approx((0.4, -0.2), abs=0.05)
    assert agreement > 0.9


def test_blank_tiles_and_holes_say_nothing():
    blank = np.full((TILE, TILE), 7.0, np.float32)
    assert tile_shift(blank, blank)[2] == 0.0
    holed = ground()[:TILE, :TILE].astype(np.float32)
    holed[3, 4] = np.nan
    assert tile_shift(holed, holed)[2] == 0.0
    unlike = tile_shift(
        ground(1)[:TILE, :TILE].astype(np.float32), ground(2)[:TILE, :TILE].astype(np.float32)
    )
    assert unlike[2] < 0.45


def test_a_smooth_shift_is_found_and_cloud_does_not_pull_it():
    """A band that is turned, stretched and shaken a little; a corner of the image follows something else."""
    image = ground()

    def moved(c, r):
        dc = 0.6 + 0.4 * (c / SHAPE[1]) + 0.2 * (r / SHAPE[0]) ** 2
        dr = -0.8 + 0.3 * (r / SHAPE[0])
        cloud = (c < 150) & (r < 170)
        return dc + 2.0 * cloud, dr - 1.5 * cloud

    found = register(SHAPE, tiles(image), tiles(image, moved, noise=0.02))
    assert found.tiles >= 0.5 * found.of
    column, row = np.meshgrid(np.arange(160, 400, 40.0), np.arange(180, 480, 40.0))
    at = found.surface.at(column, row)
    true = moved(column, row)
    assert np.hypot(at[0] - true[0], at[1] - true[1]).max() < 0.1
    left, checked = verify(SHAPE, tiles(image), tiles(image, moved, noise=0.02), found.surface)
    assert left is not None and left < 0.1 and checked >= 8


def test_nothing_in_common_is_reported_as_not_measured():
    found = register(SHAPE, tiles(ground(1)), tiles(ground(2)))
    assert found.residual_px is None
    assert found.tiles == 0
    assert found.surface.at(np.array([3.0]), np.array([4.0])) == (0.0, 0.0)


@pytest.mark.parametrize("shape", [(20, 30), (64, 64), (81, 5_000), (40_000, 10_000)])
def test_tiles_stay_within_an_image_that_has_room_for_them(shape):
    for between in (False, True):
        places = np.array(tile_places(shape, between=between))
        assert len(places) <= 9 * 25
        for axis, size in ((0, shape[1]), (1, shape[0])):
            if size >= TILE + 20:
                assert places[:, axis].min() >= TILE / 2 and places[:, axis].max() <= size - TILE / 2


def test_a_surface_of_no_terms_moves_nothing():
    nothing = Surface((10, 10), np.zeros((0, 2)))
    assert [part.tolist() for part in nothing.at(np.ones((2, 2)), np.ones((2, 2)))] == [[[0, 0], [0, 0]]] * 2
