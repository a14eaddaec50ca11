"""What any clear atmosphere does: no energy made, the way down undone by the way up."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.imagery.processing.atmosphere import AEROSOLS, Air, Look, band_air
from comity.imagery.processing.scattering import Layer, scatter

airs = st.builds(
    Air,
    aot550=st.floats(0.0, 0.8),
    aerosol=st.sampled_from(sorted(AEROSOLS)),
    water_g_cm2=st.floats(0.1, 5.0),
    ozone_cm_atm=st.floats(0.1, 0.5),
    altitude_m=st.floats(0.0, 4000.0),
)
looks = st.builds(
    Look,
    sun_zenith_deg=st.floats(0.0, 75.0),
    view_zenith_deg=st.floats(0.0, 50.0),
    azimuth_deg=st.floats(0.0, 180.0),
)


@given(airs, looks, st.floats(0.0, 0.9))
@settings(max_examples=15, deadline=None)
def test_to_the_top_and_back(air: Air, look: Look, ground: float) -> None:
    model = band_air(0.56, 0.0, air, look)
    top = model.to_top(np.array([ground]))
    assert abs(float(model.to_surface(top)[0]) - ground) < 1e-9
    assert 0.0 < model.path < 1.0
    assert 0.0 < model.scattered.down <= 1.0
    assert 0.0 < model.scattered.up <= 1.0
    assert 0.0 <= model.scattered.spherical < 1.0


@given(st.floats(0.01, 3.0), st.floats(0.0, 0.85), st.floats(0.3, 1.0), st.floats(0.5, 1.0))
@settings(max_examples=5, deadline=None)
def test_light_that_nothing_absorbs_is_neither_lost_nor_made(
    depth: float, asymmetry: float, sun: float, view: float
) -> None:
    layer = Layer(depth, 1.0, asymmetry ** np.arange(65), 1.0)
    found = scatter([layer], sun, view, 0.0)
    # Light from below all round: what is not sent back goes through, the mean of the ways up.
    nodes, weights = np.polynomial.legendre.leggauss(10)
    mu = (nodes + 1) / 2
    through = sum(
        w * m * scatter([layer], sun, float(m), math.pi / 2).up for m, w in zip(mu, weights, strict=True)
    )
    assert abs(found.spherical + through - 1.0) < 2e-3
