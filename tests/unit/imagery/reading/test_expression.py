"""Band maths: right where it has an answer, none where a band has none, and nothing else is ever run."""

from __future__ import annotations

import numpy as np
import pytest

from comity.core import InputError
from comity.imagery.reading import INDICES, expression_of

NIR = np.array([0.4, 0.05, np.nan, 0.0], np.float32)
RED = np.array([0.1, 0.05, 0.10, 0.0], np.float32)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ndvi", [0.6, 0.0, np.nan, np.nan]),  # 0 / 0 is no value
        ("nir - 2 * red ** 2", [0.38, 0.045, np.nan, 0.0]),
        ("-nir + 1", [0.6, 0.95, np.nan, 1.0]),
        ("nir > 0.1 and red < 0.2", [1.0, 0.0, np.nan, 0.0]),
        ("0.01 < nir <= 0.05", [0.0, 1.0, np.nan, 0.0]),
        ("not nir > 0.1", [0.0, 1.0, np.nan, 1.0]),
        ("where(red > 0.06, nir, -1)", [0.4, -1.0, np.nan, -1.0]),
        ("max(nir, red, 0.2) + min(nir, red)", [0.5, 0.25, np.nan, 0.2]),
        ("sqrt(nir * red) + log(red + 1) * 0", [0.2, 0.05, np.nan, 0.0]),
        ("clip(nir, 0.06, 0.3) / abs(red - 0.2)", [3.0, 0.4, np.nan, 0.3]),
    ],
)
def test_values(text: str, expected: list[float]) -> None:
    expression = expression_of(text)
    bands = {"nir": NIR, "red": RED}
    got = expression({name: bands[name] for name in expression.names})
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "nir.__class__", "(lambda: nir)()", "[nir for nir in red]",
        "nir[0]", "nir if red else 1", "open('x')", "nir; red", "f'{nir}'", "'nir'", "nir @ red",
        "nir // red", "nir % 2", "~nir", "nir | red", "(nir := red)", "sqrt(nir, red)", "sqrt(x=nir)",
        "nir and 'x'", "1e99 * nir", "True + nir", "1j * nir", "nir in red", "nir is red", "", "   ",
        "1 + 2", "nir +", "nir" + " + nir" * 300, "(" * 60 + "nir", "-" * 60 + "nir", "9**9**9**9",
    ],
)  # fmt: skip
def test_what_is_not_band_maths_is_refused_before_anything_runs(text: str) -> None:
    with pytest.raises(InputError, match="expression"):
        expression_of(text)


def test_a_tower_of_powers_costs_no_time_and_gives_no_value() -> None:
    got = expression_of("nir + 9**9**9**9")({"nir": NIR})
    assert np.isnan(got).all()


@pytest.mark.parametrize("name", INDICES)
def test_every_index_is_band_maths_over_common_names(name: str) -> None:
    common = {"blue", "green", "red", "nir", "swir16", "swir22"}
    assert set(expression_of(name).names) <= common
    assert expression_of(name.upper()) == expression_of(name)
