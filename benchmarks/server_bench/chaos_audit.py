"""The database afterwards, by SQL and arithmetic of its own: nothing of the code under test is asked.

Bodies are deflated JSON. What may follow what in an order's history stands here a second time on purpose.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

_MAY_FOLLOW = {
    "received": {"accepted"},
    "accepted": {"scheduled", "processing", "user_cancelled", "expired", "failed"},
    "scheduled": {"accepted", "tasked", "processing", "user_cancelled", "expired", "failed", "completed"},
    "tasked": {"accepted", "scheduled", "processing", "user_cancelled", "expired", "failed"},
    "processing": {"accepted", "scheduled", "completed", "user_cancelled", "expired", "failed"},
    "completed": set(),
    "failed": set(),
    "user_cancelled": set(),
}
_ENDED = {"completed", "failed", "user_cancelled"}


@dataclass(slots=True)
class Told:
    """What customers, partners and the planner were told, by the words they chose."""

    asked: set[str] = field(default_factory=set)
    ordered: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    booked: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)


def audit(url: str, told: Told) -> tuple[list[str], dict[str, int]]:
    """Everything that is wrong, and how much there was to look at."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return _audit(connection, told)
    finally:
        engine.dispose()


def _audit(connection: sa.Connection, told: Told) -> tuple[list[str], dict[str, int]]:
    def rows(table: str) -> list[dict[str, Any]]:
        found = connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1")).mappings()
        return [dict(row) for row in found]

    def bodies(table: str) -> list[dict[str, Any]]:
        return [json.loads(zlib.decompress(row["body"])) for row in rows(table)]

    orders, items, activities = bodies("orders"), bodies("items"), bodies("activities")
    wrong = [
        *_orders(orders, {each["request"]: each for each in bodies("asked")}, told),
        *_histories(rows("orders"), orders, rows("events"), told),
        *_quotes(bodies("quotes"), orders),
        *_items(items, activities),
        *_activities(activities, bodies("tasks")),
        *_money(bodies("transactions"), rows("postings"), bodies("billings"), orders, items),
        *_jobs(rows("jobs"), told),
        *_chain(rows("audit")),
        *_once("booking", told.booked, (each["reason"] for each in bodies("withheld"))),
        *_doubled("approval of plan", (each["plan"] for each in bodies("verdicts"))),
    ]
    counts = {
        "orders": len(orders),
        "cancelled": sum(order["statuses"][-1]["code"] == "user_cancelled" for order in orders),
        "completed": sum(order["statuses"][-1]["code"] == "completed" for order in orders),
        "plans": len(rows("plans")),
        "acquisitions": sum(a["kind"] == "acquisition" and a["state"] == "done" for a in activities),
        "items": len(items),
        "accepted_items": sum(item["state"] == "accepted" for item in items),
        "transactions": len(rows("transactions")),
        "jobs": len(rows("jobs")),
        "audit_entries": len(rows("audit")),
    }
    return wrong, counts


def _doubled(what: str, names: Iterable[str]) -> list[str]:
    return [f"{what} {name!r} is there {n} times" for name, n in Counter(names).items() if n > 1]


def _once(what: str, acknowledged: set[str], names: Iterable[str]) -> list[str]:
    kept = list(names)
    return [*_doubled(what, kept), *(f"{what} {name!r} is lost" for name in acknowledged - set(kept))]


def _orders(orders: list[dict[str, Any]], asked: Mapping[str, Any], told: Told) -> list[str]:
    """Each acknowledged order exactly once; none that was refused, none that nobody asked for."""
    by_word: dict[str, list[str]] = defaultdict(list)
    wrong = []
    for order in orders:
        word = asked[order["request"]]["order_parameters"].get("reference")
        if word not in told.asked:
            wrong.append(f"{order['id']} was asked for by nobody ({word})")
        by_word[str(word)].append(order["id"])
    for word, ids in by_word.items():
        if len(ids) > 1:
            wrong.append(f"{word} was ordered {len(ids)} times: {ids}")
        if word in told.refused:
            wrong.append(f"{word} was refused, and is there as {ids}")
    for word, id in told.ordered.items():
        if by_word.get(word) != [id]:
            wrong.append(f"{word} was acknowledged as {id}, and is {by_word.get(word, 'lost')}")
    return wrong


def _histories(
    rows: list[dict[str, Any]], orders: list[dict[str, Any]], events: list[dict[str, Any]], told: Told
) -> list[str]:
    """Statuses follow each other as they may; the column repeats the last; each was told once."""
    wrong = []
    said = Counter(event["subject"] for event in events)
    for row, order in zip(rows, orders, strict=True):
        codes = [entry["code"] for entry in order["statuses"]]
        if codes[0] != "received":
            wrong.append(f"{order['id']} begins as {codes[0]}")
        for before, after in itertools.pairwise(codes):
            if before != after and after not in _MAY_FOLLOW[before]:
                wrong.append(f"{order['id']} went from {before} to {after}")
        if row["status"] != codes[-1]:
            wrong.append(f"{order['id']}: the column says {row['status']}, its history {codes[-1]}")
        if said[order["id"]] != len(codes):
            wrong.append(f"{order['id']}: {len(codes)} statuses, {said[order['id']]} events")
        if order["id"] in told.cancelled and codes[-1] != "user_cancelled":
            wrong.append(f"{order['id']} was acknowledged as cancelled, and is {codes[-1]}")
    return [*wrong, *_doubled("event", (event["id"] for event in events))]


def _quotes(quotes: list[dict[str, Any]], orders: list[dict[str, Any]]) -> list[str]:
    known = {quote["id"] for quote in quotes}
    return [
        *_doubled("quote of request", (quote["request"] for quote in quotes)),
        *_doubled("order of quote", (order["quote"] for order in orders)),
        *(f"{o['id']}: its quote {o['quote']} is not there" for o in orders if o["quote"] not in known),
    ]


def _items(items: list[dict[str, Any]], activities: list[dict[str, Any]]) -> list[str]:
    by_id = {activity["id"]: activity for activity in activities}
    return [
        *_doubled("item of acquisition", (item["activity"] for item in items)),
        *(
            f"{item['id']} is of {item['activity']}, which is {by_id[item['activity']]['state']}"
            for item in items
            if by_id[item["activity"]]["state"] != "done"
        ),
    ]


def _activities(activities: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> list[str]:
    """No spacecraft does two things at once; a planned task has something planned or done for it."""
    wrong = []
    flown: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    served = set()
    for a in activities:
        if a["kind"] == "acquisition" and a["state"] in ("planned", "done"):
            start, _, end = a["interval"].partition("/")
            flown[a["spacecraft"]].append((start, end, a["id"]))
            served.add(a["task"])
    for spans in flown.values():
        spans.sort()
        for (_, end, one), (start, _, other) in itertools.pairwise(spans):
            if start < end:
                wrong.append(f"{one} and {other} overlap")
    idle = [t for t in tasks if t["state"] in ("planned", "acquired", "done") and t["id"] not in served]
    return [*wrong, *(f"{task['id']} is {task['state']} by nothing" for task in idle)]


def _money(
    transactions: list[dict[str, Any]],
    postings: list[dict[str, Any]],
    billings: list[dict[str, Any]],
    orders: list[dict[str, Any]],
    items: list[dict[str, Any]],
) -> list[str]:
    """The ledger sums to zero; each order is reserved once, each accepted item invoiced and split once."""
    wrong = []
    total: dict[str, Decimal] = defaultdict(Decimal)
    of: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for posting in postings:
        amount = Decimal(posting["amount"])
        total[posting["currency"]] += amount
        of[posting["transaction"], posting["currency"]] += amount
    wrong += [f"the ledger sums to {value} {currency}" for currency, value in total.items() if value]
    wrong += [f"{name} sums to {value} {currency}" for (name, currency), value in of.items() if value]
    known = {name for name, _ in of}
    kinds: dict[str, list[str]] = defaultdict(list)
    for transaction in transactions:
        kinds[transaction["kind"]].append(transaction["id"])
        if transaction["id"] not in known:
            wrong.append(f"{transaction['id']} has no postings")
    reserved = Counter(id.removeprefix("reservation:") for id in kinds["reservation"])
    if reserved != Counter(order["id"] for order in orders):
        wrong.append("reservations and orders differ")
    by_order = {billing["order"]: billing for billing in billings}
    if by_order.keys() != {order["id"] for order in orders}:
        wrong.append("billings and orders differ")
    invoices = [invoice for billing in billings for invoice in billing["invoices"]]
    accepted = Counter(item["id"] for item in items if item["state"] == "accepted")
    if Counter(invoice["item"] for invoice in invoices) != accepted:
        wrong.append("invoices and accepted items differ")
    for kind in ("invoice", "split"):
        if Counter(kinds[kind]) != Counter(f"{kind}:{invoice['id']}" for invoice in invoices):
            wrong.append(f"{kind}s in the ledger and invoices of billings differ")
    commitment: dict[str, Decimal] = defaultdict(Decimal)
    for posting in postings:
        if posting["account"].startswith("commitment:"):
            commitment[posting["account"].removeprefix("commitment:")] += Decimal(posting["amount"])
    for order in orders:
        open_part = -commitment[order["id"]]
        if open_part < 0:
            wrong.append(f"{order['id']}: {-open_part} more was released than reserved")
        waits = any(item["order"] == order["id"] and item["state"] == "offered" for item in items)
        if order["statuses"][-1]["code"] in _ENDED and open_part and not waits:
            wrong.append(f"{order['id']} has ended with {open_part} still reserved")
    return wrong


def _jobs(rows: list[dict[str, Any]], told: Told) -> list[str]:
    known = {row["id"]: row for row in rows}
    wrong = [f"{id} was acknowledged and is lost" for id in told.jobs - known.keys()]
    for row in rows:
        if row["state"] not in ("done", "failed", "cancelled"):
            wrong.append(f"{row['id']} ({row['kind']}) is still {row['state']}")
        if row["state"] == "failed":
            wrong.append(f"{row['id']} ({row['kind']}) failed: {row['error']}")
    return wrong


def _chain(rows: list[dict[str, Any]]) -> list[str]:
    before = "0" * 64
    for number, row in enumerate(rows, 1):
        seq, chain = row.pop("seq"), row.pop("chain")
        text = json.dumps([before, seq, *(row[name] for name in sorted(row))], separators=(",", ":"))
        if seq != number or chain != hashlib.sha256(text.encode()).hexdigest():
            return [f"the audit log does not hold from entry {number} on"]
        before = chain
    return []
