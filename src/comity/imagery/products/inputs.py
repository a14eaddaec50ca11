"""What a product is made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from comity.imagery.geometry.dem import Dem
from comity.imagery.geometry.images import SensorImage


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductInputs:
    """What a product is made from, for its papers."""

    pan: SensorImage
    xs: SensorImage
    dem: Dem
    area_file: Path
    metadata: Path | None
