"""Putting the page together and writing it whole."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from comity.core import Epoch, write_text
from comity.fleet import territories
from comity.operations.account import Account
from comity.server.report import text
from comity.server.report.evidence import Evidence, evidence
from comity.server.report.gallery import MAX_CARDS, cards
from comity.server.report.lookup import Lookup
from comity.server.report.maps import region_maps, world_map
from comity.server.report.money import MoneyView, money_view
from comity.server.report.mosaics import mosaic_views
from comity.server.report.orders import order_views
from comity.server.report.plans import opportunity_views, plan_views
from comity.server.report.timeline import timeline
from comity.server.report.tracks import pass_tracks


def write_report(account: Account, *, folder: Path, out: Path, title: str, note: str = "") -> None:
    """Write one self-contained HTML page about everything in ``account``.

    Parameters
    ----------
    account : a consistent reading of the store.
    folder : the delivery folder; quicklooks are read from it, and the files in it are linked to
        relative to where the page is.
    out : the file to write. It appears whole or not at all.
    title : what the page is called.
    note : what else is said after the account in a paragraph.

    The page has no network access and no external part; every text in it is escaped. An unreadable
    quicklook becomes a note in its place. Raises :class:`comity.core.InputError` when ``out`` cannot be
    written.
    """
    links = Path(os.path.relpath(folder, out.parent)).as_posix()
    write_text(out, render_report(account, folder=folder, title=title, links=links, note=note))


def render_report(account: Account, *, folder: Path, title: str, links: str = ".", note: str = "") -> str:
    """The page of :func:`write_report` as text; ``links`` leads from the page to ``folder``."""
    lookup = Lookup(account)
    tracks = pass_tracks(account.programme, account.activities)
    money = money_view(lookup)
    script, style = _package_text("report.js"), _package_text("report.css")
    found = evidence(lookup)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            account=account,
            programme=account.programme,
            lookup=lookup,
            summary=" ".join(filter(None, (summary(lookup, money, found), note))),
            evidence=found,
            figures=figures(lookup, money),
            maps=[world_map(lookup, tracks), *region_maps(lookup, tracks)],
            timeline=timeline(lookup),
            plans=plan_views(lookup),
            opportunities=opportunity_views(lookup),
            orders=order_views(lookup),
            cards=cards(lookup, folder, links),
            mosaics=mosaic_views(folder, links),
            max_cards=MAX_CARDS,
            money=money,
            borders=territories.SOURCE,
            # The page's own text, not data: nothing in it comes from an account.
            script=Markup(script),
            style=Markup(style),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A headline figure: ``value`` large, ``label`` under it, ``note`` small."""

    value: str
    label: str
    note: str


def figures(lookup: Lookup, money: MoneyView) -> list[Figure]:
    """The headline figures."""
    account = lookup.account
    acquisitions = [a for a in account.activities if a.kind == "acquisition" and a.state != "dropped"]
    done = sum(a.state == "done" for a in acquisitions)
    failed = sum(a.state == "failed" for a in acquisitions)
    completed = sum(order.status == "completed" for order in account.orders)
    accepted = sum(item.state == "accepted" for item in account.items)
    refused = sum(item.state == "refused" for item in account.items)
    windows = sum(len(one.windows) for one in account.opportunities)
    made = [
        Figure(
            value=text.number(len(account.orders)),
            label="order" if len(account.orders) == 1 else "orders",
            note=f"{completed} completed",
        ),
        Figure(
            value=text.number(windows),
            label="imaging windows",
            note=f"{text.number(len(account.programme.spacecraft))} spacecraft searched",
        ),
        Figure(value=text.number(done), label="acquisitions made", note=f"{failed} failed"),
        Figure(
            value=text.number(len(account.items)),
            label="items delivered",
            note=f"{accepted} accepted, {refused} refused",
        ),
    ]
    if account.plans:
        worst = max(plan.solution.bound.gap for plan in account.plans)
        made.append(
            Figure(
                value=text.gap(worst),
                label="gap to the proven bound",
                note="of the only plan"
                if len(account.plans) == 1
                else f"largest of {len(account.plans)} plans",
            )
        )
    if money.invoiced:
        first, *rest = sorted(money.invoiced, key=lambda m: m.currency != account.programme.currency)
        note = "and " + _and([text.about(m) for m in rest]) if rest else "on acceptance"
        made.append(Figure(value=text.about(first), label="invoiced", note=note))
    return made


def summary(lookup: Lookup, money: MoneyView, found: Evidence) -> str:
    """The account in one paragraph."""
    account, programme = lookup.account, lookup.account.programme
    acquisitions = [a for a in account.activities if a.kind == "acquisition"]
    done = [a for a in acquisitions if a.state == "done"]
    failed = [a for a in acquisitions if a.state == "failed"]
    accepted = sum(item.state == "accepted" for item in account.items)
    customers = {request.customer.id for request in account.requests}
    said = [
        f"{text.plural(len(programme.partners), 'partner')} pool "
        f"{text.number(len(programme.spacecraft))} spacecraft and "
        f"{text.plural(len(programme.stations), 'ground station')}. "
        f"{text.plural(len(customers), 'customer')} made {text.plural(len(account.requests), 'request')}"
        + (f", of which {len(account.orders)} became orders." if account.orders else ".")
    ]
    if account.plans:
        said.append(
            f"{text.plural(len(account.plans), 'plan')} led to {text.plural(len(done), 'acquisition')}"
            + (f"; {text.number(len(failed))} failed." if failed else ".")
        )
    if account.items:
        said.append(
            f"{text.plural(len(account.items), 'item was', 'items were')} delivered and {accepted} accepted."
        )
    if money.invoiced:
        said.append(f"Customers were invoiced {_and(text.money(m) for m in money.invoiced)}.")
    if money.credited:
        said.append(f"Credit notes came to {_and(text.money(m) for m in money.credited)}.")
    return " ".join(said)


def _and(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _package_text(name: str) -> str:
    return (resources.files("comity.server.report") / "templates" / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("comity.server.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=text.number,
        quantity=text.quantity,
        percent=text.percent,
        gap=text.gap,
        gsd=text.gsd,
        money=text.money,
        utc=text.utc,
        minute=text.minute,
        day=text.day,
        span=text.span,
        duration=text.duration,
        bearing=text.bearing,
        iso=_iso,
    )
    environment.globals["plural"] = text.plural
    return environment


def _iso(epoch: Epoch) -> str:
    return epoch.iso(0)
