"""Partners, spacecraft, instruments and stations; the programme file that declares them; territories."""

from typing import TYPE_CHECKING

from comity.fleet.areas import Area, area_from_geojson, area_from_geometry, area_km2
from comity.fleet.assets import GroundStation, Instrument, Partner, Pointing, Source, Spacecraft
from comity.fleet.horizon import HorizonMask
from comity.fleet.products import (
    ArchivePrice,
    Customer,
    CustomerKind,
    ExchangeRate,
    Price,
    PriceBook,
    PriceUnit,
    Product,
    Request,
    Rule,
    Target,
)
from comity.fleet.programme import Programme
from comity.fleet.targets import (
    area_target,
    band_targets,
    point_target,
    targets_from_file,
    targets_from_geojson,
    territory_target,
    unique_ids,
)
from comity.fleet.territories import (
    Territory,
    border_band,
    borders_in,
    land_in,
    neighbours,
    territories_at,
    territory,
    territory_at,
)

if TYPE_CHECKING:
    from comity.fleet.programme_file import embedded_programmes, load_programme, programme_from_text
else:

    def __getattr__(name: str) -> object:
        # Reading a programme takes Pydantic and its schema, which only who reads one should wait for.
        if name in ("embedded_programmes", "load_programme", "programme_from_text"):
            from comity.fleet import programme_file

            return getattr(programme_file, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ArchivePrice",
    "Area",
    "Customer",
    "CustomerKind",
    "ExchangeRate",
    "GroundStation",
    "HorizonMask",
    "Instrument",
    "Partner",
    "Pointing",
    "Price",
    "PriceBook",
    "PriceUnit",
    "Product",
    "Programme",
    "Request",
    "Rule",
    "Source",
    "Spacecraft",
    "Target",
    "Territory",
    "area_from_geojson",
    "area_from_geometry",
    "area_km2",
    "area_target",
    "band_targets",
    "border_band",
    "borders_in",
    "embedded_programmes",
    "land_in",
    "load_programme",
    "neighbours",
    "point_target",
    "programme_from_text",
    "targets_from_file",
    "targets_from_geojson",
    "territories_at",
    "territory",
    "territory_at",
    "territory_target",
    "unique_ids",
]
