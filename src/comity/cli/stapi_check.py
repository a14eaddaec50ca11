"""``comity stapi-check``: hold any STAPI server against the specification."""

from __future__ import annotations

import json as json_module
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from comity.cli.common import Json, Now, console
from comity.core import Epoch, InputError, SystemClock
from comity.core.files import write_whole

if TYPE_CHECKING:
    from comity.server.conformance import Report

_SIGNS = {"pass": "ok  ", "fail": "FAIL", "warn": "warn", "skip": "skip"}


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
    time_limit: Annotated[
        float, typer.Option("--time-limit", help="For the whole check, s; one answer may take a tenth of it.")
    ] = 300.0,
    now: Now = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write the findings to this file as JUnit XML too.")
    ] = None,
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
    if not 1 <= time_limit <= 86_400:
        raise InputError(f"--time-limit {time_limit:g} is outside 1…86 400 s")
    secret = token or os.environ.get("STAPI_TOKEN")
    if secret is not None and not (secret.isascii() and secret.isprintable()):
        raise InputError("the token holds what no token can: line breaks or letters beyond ASCII")
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    at = Epoch.from_iso(now) if now else SystemClock().now()
    asked = Asked(
        lon=lon, lat=lat, days=days, now=at, product=product, order=order, total_s=time_limit,
        answer_s=time_limit / 10, wait_s=time_limit / 5,
    )  # fmt: skip
    with httpx.Client(headers=headers) as client:
        report = check_server(client, url, asked)
    if junit is not None:
        write_whole(junit, report.junit().encode())
    if json:
        findings = [asdict(finding) for finding in report.findings]
        content = {"url": url, "conforms": report.conforms, "findings": findings}
        sys.stdout.write(json_module.dumps(content, indent=1, ensure_ascii=False) + "\n")
    else:
        _tell(report)
    raise typer.Exit(0 if report.conforms else 1)


def _tell(report: Report) -> None:
    """The findings as text: first all in the order asked, at last those that are not kept again."""
    out = console()
    for finding in report.findings:
        out.print(f"{_SIGNS[finding.outcome]}  {finding.area}: {finding.requirement}", markup=False)
        if finding.detail:
            out.print(f"      {_shown(finding.detail)}", style="dim", markup=False)
    failed = [finding for finding in report.findings if finding.outcome == "fail"]
    if failed:
        out.print(f"\nNot kept ({len(failed)}):")
        for finding in failed:
            out.print(f"  {finding.area}: {finding.requirement}: {_shown(finding.detail)}", markup=False)
    if report.out_of_time:
        out.print("The time limit was reached before everything was asked (--time-limit).")
    out.print(
        f"{report.url}: {report.count('pass')} kept, {report.count('fail')} not kept, "
        f"{report.count('warn')} recommended and missing, {report.count('skip')} not asked",
        markup=False,
    )


def _shown(text: str) -> str:
    """What another server said, without what a terminal would act on."""
    return "".join(char if char.isprintable() else "�" for char in text)
