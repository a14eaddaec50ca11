"""What a reader of the report can rely on: one file, nothing foreign in it, every figure and reason there."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from comity.commerce import Ledger
from comity.core import InputError
from comity.operations.account import Account
from comity.server.report import gallery, render_report, write_report
from comity.server.report.lookup import Lookup
from comity.server.report.money import money_view
from comity.server.report.orders import order_views
from unit.server.made_account import account
from unit.server.made_programme import HOSTILE, HOSTILE_CITY

TITLE = "Week 39 <b>&</b> after"


class Page(HTMLParser):
    """Elements with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivery folder with quicklooks."""
    return tmp_path_factory.mktemp("delivery")


@pytest.fixture(scope="module")
def made(folder: Path) -> Account:
    """The account all tests look at."""
    return account(folder)


@pytest.fixture(scope="module")
def html(made: Account, folder: Path) -> str:
    """Its report."""
    return render_report(made, folder=folder, title=TITLE)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    """Its report, parsed."""
    return Page(html)


def test_page_stands_alone(page: Page, html: str) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "xlink:href", "srcset"):
            link = attributes.get(name, "#")
            kept_inside = link.startswith(("#", "data:"))
            assert kept_inside or (tag == "a" and link.startswith("stac/")), (tag, name, link)
        assert tag not in ("iframe", "object", "embed", "base", "form")
    assert "@import" not in html
    assert {part.partition(")")[0][:1] for part in html.split("url(")[1:]} == {"#"}
    assert len(html.encode()) < 2_000_000


def test_hostile_names_are_text(page: Page) -> None:
    assert len(page.scripts) == 1
    assert "document.title" not in page.scripts[0]
    assert all(
        attributes.get("src", "data:").startswith("data:")
        for tag, attributes in page.elements
        if tag == "img"
    )
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert HOSTILE in page.text
    assert HOSTILE_CITY in page.text
    assert TITLE in page.text


def test_simulation_and_sources_are_said(page: Page, made: Account) -> None:
    assert "Simulated execution" in page.text
    assert "made up for tests" in page.text
    assert "8 figures of spacecraft and stations with a published source, 10 assumed" in page.text
    assert "Natural Earth" in page.text
    assert made.programme.price_book.note in page.text
    reported = replace(made, activities=tuple(replace(a, simulated=False) for a in made.activities))
    assert (
        "Simulated execution" not in Page(render_report(reported, folder=Path("/nowhere"), title=TITLE)).text
    )


def test_every_reason_and_refusal_is_there(page: Page, made: Account) -> None:
    for plan in made.plans:
        for reason in plan.solution.reasons:
            assert reason.text in page.text
    for quote in made.quotes:
        for decision in quote.decisions:
            if decision.effect != "allow":
                assert decision.reason.rstrip(".") in page.text
    for item in made.items:
        assert item.state_reason in page.text
    assert "3.95\u202f%" in page.text  # the first plan's gap: 1 - 7600 / 7912.5


def test_the_region_map_hatches_what_a_licence_limits(page: Page, made: Account) -> None:
    hatched = [a for tag, a in page.elements if tag == "path" and "url(#" in a.get("style", "")]
    bands = [target for target in made.requests[0].targets if target.id.startswith("band")]
    assert len(hatched) == len(bands) == 3
    assert all(a["class"] == "area coarsen" and a["d"].startswith("M") for a in hatched)
    assert sum(a.get("class") == "area allow" for _, a in page.elements) == 1
    for name in ("ETHIOPIA", "DJIBOUTI", "ERITREA", "SOMALILAND"):
        assert name in page.text.upper()


def test_orders_money_adds_up(made: Account) -> None:
    lookup = Lookup(made)
    for view in order_views(lookup):
        assert view.quote is not None
        assert view.invoiced is not None
        assert view.credited is not None
        assert view.open is not None
        assert view.invoiced + view.credited + view.open == view.quote.total
    money = money_view(lookup)
    per_order = [view.invoiced for view in order_views(lookup) if view.invoiced]
    for total in money.invoiced:
        assert sum(m.amount for m in per_order if m.currency == total.currency) == total.amount
    assert {line.currency: line.balance for line in money.checks} == dict.fromkeys(
        ("CNY", "DJF", "EUR", "RUB", "ZAR"), Decimal(0)
    )
    # What partners earned is what customers were invoiced, currency by currency.
    for total in money.invoiced:
        earned = [m for row in money.partners for part in row.parts for m in part.amounts]
        assert sum(m.amount for m in earned if m.currency == total.currency) == total.amount


def test_missing_broken_and_foreign_quicklooks_are_notes(made: Account, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG not a picture")
    secret = folder / made.items[0].quicklook
    outside = (
        f"../{secret.relative_to(tmp_path.parent)}" if secret.is_relative_to(tmp_path.parent) else str(secret)
    )
    names = ("gone.png", "broken.png", outside, "javascript:alert(1)")
    items = tuple(replace(item, quicklook=name) for item, name in zip(made.items, names, strict=False))
    html = render_report(replace(made, items=items), folder=tmp_path, title=TITLE)
    page = Page(html)
    assert "gone.png is missing" in page.text
    assert "broken.png cannot be read" in page.text
    assert "data:image" not in html
    assert not any(attributes.get("href", "").startswith("javascript") for _, attributes in page.elements)


def test_many_pictures_keep_to_the_budget(
    made: Account, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "BUDGET_BYTES", 40_000)
    html = render_report(made, folder=folder, title=TITLE)
    pictures = [a["src"] for tag, a in Page(html).elements if tag == "img"]
    assert pictures
    assert sum(map(len, pictures)) <= 40_000


def test_an_operator_who_only_started_gets_a_page(made: Account, tmp_path: Path) -> None:
    empty = replace(
        made,
        requests=(),
        opportunities=(),
        quotes=(),
        orders=(),
        tasks=(),
        plans=(),
        activities=(),
        items=(),
        ledger=Ledger(),
    )
    text = Page(render_report(empty, folder=tmp_path, title=TITLE)).text
    assert "No orders yet." in text
    assert "Simulated" not in text


def test_links_lead_from_the_page_to_the_folder(made: Account, folder: Path, tmp_path: Path) -> None:
    write_report(made, folder=folder, out=tmp_path / "pages" / "report.html", title=TITLE)
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["report.html"]
    page = Page((tmp_path / "pages" / "report.html").read_text(encoding="utf-8"))
    links = [a["href"] for tag, a in page.elements if tag == "a" and a["href"].endswith("quicklook.png")]
    assert len(links) == len(made.items)
    assert all((tmp_path / "pages" / link).is_file() for link in links)


def test_a_page_that_cannot_be_written_is_said(made: Account, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        write_report(made, folder=folder, out=tmp_path / "file" / "report.html", title=TITLE)
