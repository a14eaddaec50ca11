"""``comity stapi-check``: hold any STAPI server against the specification."""

from __future__ import annotations

import json as json_module
import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from comity.cli.common import Json, Now, console
from comity.core import Epoch, InputError, SystemClock


def stapi_check(
    url: Annotated[str, typer.Argument(help="The server's STAPI landing page.")],
    token: Annotated[
        str | None,
        typer.Option("--token", help="Bearer token; without it the variable STAPI_TOKEN, or none."),
    ] = None,
    product: Annotated[
        str | None, typer.Option("--product", help="Product to ask about; else the first with opportunities.")
    ] = None,
    lon: Annotated[float, typer.Option("--lon", help="Longitude to ask about, degrees.")] = 43.145,
    lat: Annotated[float, typer.Option("--lat", help="Latitude to ask about, degrees.")] = 11.588,
    days: Annotated[float, typer.Option("--days", help="Days to ask about.")] = 7.0,
    order: Annotated[bool, typer.Option("--order", help="Place an order too: it binds.")] = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Ask a STAPI 0.1.0 server for what the specification requires; exit code 1 where it lacks something."""
    import httpx

    from comity.server.conformance import Asked, check_server

    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url!r} is not the address of a server: give http(s)://HOST/PATH")
    if not 0 < days <= 31:
        raise InputError(f"--days {days:g} is outside 0…31")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise InputError(f"{lon:g}, {lat:g} is no place: lon ±180, lat ±90")
    secret = token or os.environ.get("STAPI_TOKEN")
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    at = Epoch.from_iso(now) if now else SystemClock().now()
    asked = Asked(lon=lon, lat=lat, days=days, now=at, product=product, order=order)
    with httpx.Client(headers=headers, timeout=60.0) as client:
        report = check_server(client, url, asked)
    if json:
        findings = [asdict(finding) for finding in report.findings]
        content = {"url": url, "conforms": report.conforms, "findings": findings}
        sys.stdout.write(json_module.dumps(content, indent=1, ensure_ascii=False) + "\n")
    else:
        out = console()
        signs = {"pass": "ok  ", "fail": "FAIL", "warn": "warn", "skip": "skip"}
        for finding in report.findings:
            out.print(f"{signs[finding.outcome]}  {finding.area}: {finding.requirement}")
            if finding.detail:
                out.print(f"      {finding.detail}", style="dim")
        counts = (
            f"{report.count('pass')} kept, {report.count('fail')} not kept, "
            f"{report.count('warn')} recommended and missing, {report.count('skip')} not asked"
        )
        out.print(f"{url}: {counts}")
    raise typer.Exit(0 if report.conforms else 1)
