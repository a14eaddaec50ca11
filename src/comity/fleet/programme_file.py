"""Reading a programme: a TOML file and the elements beside it, checked as a whole.

A programme file declares partners, spacecraft, stations, products, prices and licence rules; see the
embedded ``joint-eo`` for every key. All mistakes are reported together.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from comity.core import InputError, UnknownIdError, read_text
from comity.fleet import schema
from comity.fleet.build import build
from comity.fleet.checks import Tables, check_together
from comity.fleet.problems import Problems
from comity.fleet.programme import Programme
from comity.orbits import MeanElements, nearest_in_time, parse_elements


def embedded_programmes() -> tuple[str, ...]:
    """Names of the programmes that come with Comity."""
    files = _data().iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def load_programme(name_or_path: str | Path) -> Programme:
    """A programme by the name of an embedded one (``"joint-eo"``) or the path of a TOML file.

    A path is anything with a separator or a suffix, or any existing file. Raises :class:`InputError`
    naming the file and everything that is wrong with it, one line each (at most ten);
    :class:`UnknownIdError` for a name that is neither.
    """
    given = str(name_or_path)
    path = Path(name_or_path)
    if given in embedded_programmes() and not isinstance(name_or_path, Path):
        folder: Traversable = _data()
        return programme_from_text(read_text(folder / f"{given}.toml"), base=folder, name=f"{given}.toml")
    if not path.exists() and path.suffix == "" and path.name == given:
        raise UnknownIdError("programme", given, embedded_programmes())
    return programme_from_text(read_text(path), base=path.parent, name=given)


def programme_from_text(
    text: str,
    *,
    elements: Mapping[int, MeanElements] | None = None,
    base: Traversable | None = None,
    name: str = "programme",
    requests: bool = True,
) -> Programme:
    """A programme from its TOML text.

    ``elements``: mean elements by NORAD id; given, they are used and the ``elements`` file that the
    text names is not read (this is how a stored programme is read again). ``base``: folder that file
    is relative to. ``name``: what to call the text in errors. ``requests``: whether to read the requests
    that an example programme brings, which takes a third of a second for their places. Raises as
    :func:`load_programme`.
    """
    if not text.strip():
        raise InputError(f"{name} is empty: a programme in TOML was expected")
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not TOML: {error}") from error
    problems = Problems(name)
    tables = _tables(data, problems)
    if tables is None:
        problems.raise_any()
        raise AssertionError("a programme that cannot be read has a problem")
    check_together(tables, problems)
    known = elements if elements is not None else _elements(tables, base, problems)
    for craft in tables.spacecraft:
        if known is not None and craft.norad_id not in known:
            where = "the elements given" if elements is not None else tables.top.elements
            problems.add(
                f"spacecraft.{craft.id}.norad_id", f"there are no elements for it in {where}", craft.norad_id
            )
    programme = build(tables, known or {}, text, problems, requests=requests)
    problems.raise_any()
    if programme is None:
        raise AssertionError("a programme that cannot be built has a problem")
    return programme


def _tables(data: dict[str, Any], problems: Problems) -> Tables | None:
    top = problems.read(schema.ProgrammeTable, data, "")
    if top is None:
        return None
    book = problems.read(schema.PriceBookTable, top.price_book, "price_book")
    prices = []
    for number, table in enumerate(book.prices if book else []):
        name = table.get("product")
        key = f"price_book.prices.{name}" if isinstance(name, str) else f"price_book.prices[{number + 1}]"
        price = problems.read(schema.PriceTable, table, key)
        prices += [price] if price else []
    return Tables(
        top=top,
        partners=problems.read_all(schema.PartnerTable, top.partners, "partners"),
        instruments=problems.read_all(schema.InstrumentTable, top.instruments, "instruments"),
        platforms=problems.read_all(schema.PlatformTable, top.platforms, "platforms"),
        spacecraft=problems.read_all(schema.SpacecraftTable, top.spacecraft, "spacecraft"),
        stations=problems.read_all(schema.StationTable, top.stations, "stations"),
        products=problems.read_all(schema.ProductTable, top.products, "products"),
        customers=problems.read_all(schema.CustomerTable, top.customers, "customers"),
        price_book=book,
        prices=prices,
        rates=problems.read_all(schema.RateTable, book.rates if book else [], "price_book.rates"),
        archive=problems.read_all(
            schema.ArchivePriceTable, book.archive if book else [], "price_book.archive"
        ),
        rules=problems.read_all(schema.RuleTable, top.rules, "rules"),
        requests=problems.read_all(schema.RequestTable, top.requests, "requests"),
    )


def _elements(tables: Tables, base: Traversable | None, problems: Problems) -> dict[int, MeanElements] | None:
    """Elements of the file beside the programme, by NORAD id; None (noted) when it cannot be read."""
    file = tables.top.elements
    if file is None:
        problems.add("elements", "is missing: name the file with the spacecraft's orbital elements")
        return None
    if base is None:
        problems.add("elements", "is relative to the programme's folder, which is not known here", file)
        return None
    try:
        catalogue = parse_elements(read_text(base / file), tables.top.elements_source or file)
    except InputError as error:
        problems.add("elements", str(error), file)
        return None
    wanted = {craft.norad_id for craft in tables.spacecraft} - {one.norad_id for one in catalogue.elements}
    if wanted and catalogue.skipped:  # perhaps what is missing stands there, but cannot be read
        problems.add(
            "elements", f"{len(catalogue.skipped)} object(s) skipped, first {catalogue.skipped[0]}", file
        )
    sets = catalogue.elements
    at = tables.top.epoch or max(one.epoch for one in sets)
    return {one.norad_id: one for one in nearest_in_time(sets, at)}


def _data() -> Traversable:
    return resources.files("comity.fleet") / "data"
