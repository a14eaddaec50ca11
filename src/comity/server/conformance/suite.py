"""The suite: landing page, products, opportunities at once and later, orders."""

from __future__ import annotations

import httpx

from comity.server.conformance.core import check_core
from comity.server.conformance.findings import Report
from comity.server.conformance.later import check_later
from comity.server.conformance.opportunities import check_opportunities
from comity.server.conformance.orders import check_orders
from comity.server.conformance.probe import Asked, Probe
from comity.server.conformance.products import check_products
from comity.server.conformance.wire import Asker


def check_server(client: httpx.Client, url: str, asked: Asked) -> Report:
    """Ask the STAPI server whose landing page is at ``url``; every requirement is one finding.

    A token in the client's headers goes to the landing page's own origin only. Redirections are not followed.
    """
    report = Report(url=url)
    asker = Asker(client, url, answer_s=asked.answer_s, total_s=asked.total_s)
    probe = Probe(ask=asker, asked=asked, report=report)
    check_core(probe)
    if probe.landing:
        for check in (check_products, check_opportunities, check_later, check_orders):
            check(probe)
    return report
