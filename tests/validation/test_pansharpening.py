"""Pansharpening of a real Pléiades pair by Wald's protocol, against other programs on the same pair.

The others' figures were measured with GDAL 3.6.2 (gdal_pansharpen.py, weighted Brovey) and OTB 8.1.1
(otbcli_Pansharpening, RCS, LMVM, Bayes) by ``benchmarks/imagery.py --row pansharpening`` on the pair
registered and resampled in the same way; the best of all of them is the bar.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import rasterio

from comity.imagery.processing.colour.assess import assess
from comity.imagery.processing.colour.survey import survey
from comity.imagery.processing.pansharpen import FilePair, pansharpen

#: The best of the others: ERGAS and SAM of OTB Bayes, Q4 of OTB RCS, QNR of OTB LMVM.
ERGAS, SAM_DEG, Q4, QNR = 1.6394, 2.6476, 0.9455, 0.8635


@pytest.fixture
def pleiades(shared_data: Path) -> Path:
    """The folder of the pair."""
    return shared_data / "imagery" / "pleiades-toulouse"


def test_at_least_the_best_of_gdal_and_otb(pleiades: Path) -> None:
    with closing(FilePair(pleiades / "phr_pan.tif", pleiades / "phr_xs.tif")) as pair:
        found = survey(pair)
        judged = assess(pair, found)
    assert judged.reduced.ergas <= ERGAS
    assert judged.reduced.sam_deg <= SAM_DEG
    assert judged.reduced.q >= Q4
    assert judged.full.qnr >= QNR


def test_the_pair_is_registered_and_keeps_the_pans_place(pleiades: Path, tmp_path: Path) -> None:
    """The extract's bands lie 2.45 columns and 1.14 rows off what their RPC says, everywhere alike."""
    found = pansharpen(pleiades / "phr_pan.tif", pleiades / "phr_xs.tif", tmp_path / "out.tif")
    assert found.ratio == pytest.approx(4.0, abs=1e-6)
    assert found.shift_px == pytest.approx((-2.45, -1.14), abs=0.05)
    assert found.spread_px < 0.05
    assert found.parallax_px < 0.01
    with rasterio.open(pleiades / "phr_pan.tif") as pan, rasterio.open(found.path) as made:
        assert made.transform == pan.transform
        for name, value in pan.rpcs.to_dict().items():
            assert getattr(made.rpcs, name) == pytest.approx(value, rel=1e-12)
