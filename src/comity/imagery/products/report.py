"""The quality report of a product: one self-contained page, from the record that is written as JSON."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

Json = Mapping[str, Any]

_COLOURS = {"blue": "#2f6fde", "green": "#2c9a54", "red": "#d0453e", "nir": "#8b5bb5", "pan": "#5b6470"}


def report_html(record: Json, *, quicklook: bytes, mask: bytes) -> str:
    """The page of a record as :func:`comity.imagery.products.making.make_product` writes it.

    ``quicklook``, ``mask``: PNG pictures shown in it. No file or address outside the page is needed.
    """
    style = (resources.files("comity.imagery") / "data" / "report.css").read_text(encoding="utf-8")
    title = html.escape(str(record["product"]))
    badge = '<span class="badge">SIMULATED</span>' if record["simulated"] else ""
    parts = [
        f"<header><p class='kind'>Quality report</p><h1>{title} {badge}</h1>"
        f"<p class='sub'>{_subtitle(record)}</p></header>",
        f"<section class='tiles'>{''.join(_tiles(record))}</section>",
        "<section class='pictures'>"
        f"{_picture(quicklook, 'Quicklook', 'Quicklook of the product')}"
        f"{_picture(mask, 'Classes', 'Mask of the product')}{_legend(record)}</section>",
        _geometry(record),
        _radiometry(record),
        _cover(record),
        _provenance(record),
        _notes(record),
    ]
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{title} · quality</title>"
        f"<style>{style}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _subtitle(record: Json) -> str:
    acquisition = record["acquisition"]
    pieces = [
        acquisition.get("platform") or "platform not stated",
        acquisition.get("datetime") or "time not stated",
        f"pixel {record['grid']['pixel_m']:g} m",
        str(record["grid"]["crs"]),
        f"level {record['level']}",
    ]
    return " · ".join(html.escape(piece) for piece in pieces)


def _tiles(record: Json) -> list[str]:
    mask, error = record["mask"], record["geometry"]["error"]
    snr = record["radiometry"]["signal_to_noise"]
    tiles = [
        _tile("Usable", _percent(mask["usable"]), "free of cloud and its shadow"),
        _tile("Cloud", _percent(mask["cloud"]), f"shadow {_percent(mask['shadow'])}"),
        _tile("Area covered", _percent(record["coverage"]["fraction"]), f"{_km2(record)} km² asked for"),
    ]
    if error is None:
        tiles.append(_tile("Location error", "not measured", "no reference was given"))
    else:
        tiles.append(
            _tile(
                "Location error",
                f"{error['rms_m']:.2f} m",
                f"rms, {error['rms_px']:.2f} px; {error['points']} points",
            )
        )
    if snr:
        least = min(snr, key=lambda one: one["snr"])
        tiles.append(
            _tile("Signal to noise", f"{least['snr']:.0f}", f"least of {len(snr)} bands ({least['band']})")
        )
    else:
        tiles.append(_tile("Signal to noise", "not measured", "no even ground"))
    return tiles


def _tile(name: str, value: str, more: str) -> str:
    kind = "value" if value[:1].isdigit() else "value words"
    return (
        f"<div class='tile'><p class='name'>{html.escape(name)}</p><p class='{kind}'>{html.escape(value)}</p>"
        f"<p class='more'>{html.escape(more)}</p></div>"
    )


def _picture(png: bytes, caption: str, alt: str) -> str:
    data = base64.b64encode(png).decode()
    return (
        f"<figure><img alt='{html.escape(alt)}' src='data:image/png;base64,{data}'>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _legend(record: Json) -> str:
    items = "".join(
        f"<li><span style='background:{one['colour']}'></span>{html.escape(one['name'])}"
        f"<b>{_percent(one['fraction'])}</b></li>"
        for one in record["mask"]["classes"]
    )
    return f"<ul class='legend'>{items}</ul>"


def _geometry(record: Json) -> str:
    geometry = record["geometry"]
    rows = [
        ("Model, panchromatic", geometry["pan"]),
        ("Model, multispectral", geometry["xs"]),
        ("Elevation", geometry["dem"]),
        ("Geoid", geometry["geoid"]),
        ("Resampling", geometry["resampling"]),
    ]
    error = geometry["error"]
    right = (
        "<p class='none'>No reference points and no reference image were given: the error of location is "
        "not known.</p>"
    )
    if error is not None:
        rows += [
            ("Measured by", error["method"]),
            ("Mean error", f"{error['bias_east_m']:+.2f} m east, {error['bias_north_m']:+.2f} m north"),
            ("Root mean square", f"{error['rms_m']:.2f} m ({error['rms_px']:.2f} px)"),
            ("Nine in ten within", f"{error['ce90_m']:.2f} m"),
            ("Rejected as blunders", str(error["rejected"])),
        ]
        right = _rose(error)
    return _section("Geometry", f"<div class='two'><div>{_table(rows)}</div><div>{right}</div></div>")


def _rose(error: Json) -> str:
    """Each point's error as a dot around the truth."""
    points = [(one["east_m"], one["north_m"]) for one in error["residuals"]]
    reach = max(max(math.hypot(*one) for one in points), error["rms_m"], 1e-6) * 1.15
    size, half = 280, 140

    def at(east: float, north: float) -> tuple[str, str]:
        return f"{half + east / reach * (half - 22):.1f}", f"{half - north / reach * (half - 22):.1f}"

    circle = error["rms_m"] / reach * (half - 22)
    dots = "".join(f"<circle class='dot' cx='{x}' cy='{y}' r='3'/>" for x, y in (at(*one) for one in points))
    x, y = at(error["bias_east_m"], error["bias_north_m"])
    return (
        f"<svg viewBox='0 0 {size} {size}' role='img' aria-label='Errors around the true place'>"
        f"<line class='axis' x1='10' x2='{size - 10}' y1='{half}' y2='{half}'/>"
        f"<line class='axis' y1='10' y2='{size - 10}' x1='{half}' x2='{half}'/>"
        f"<circle class='ring' cx='{half}' cy='{half}' r='{circle:.1f}'/>{dots}"
        f"<path class='mean' d='M{half} {half}L{x} {y}'/>"
        f"<text x='{half + 4}' y='14'>north</text><text x='{size - 34}' y='{half - 5}'>east</text>"
        f"<text x='{half + 4}' y='{half - circle - 4:.1f}'>rms {error['rms_m']:.2f} m</text></svg>"
    )


def _radiometry(record: Json) -> str:
    radiometry = record["radiometry"]
    snr = {one["band"]: one for one in radiometry["signal_to_noise"]}
    head = ("Band", "Mean", "Spread", "Least", "Most", "Signal / noise")
    body = []
    for band in radiometry["bands"]:
        one = snr.get(band["name"])
        body.append(
            (
                band["name"],
                *(f"{band[key]:.4g}" for key in ("mean", "stddev", "minimum", "maximum")),
                f"{one['snr']:.0f}" if one else "–",
            )
        )
    if "pan" in snr:
        body.append(("pan (input)", "–", "–", "–", "–", f"{snr['pan']['snr']:.0f}"))
    rows = [("Values", radiometry["quantity"]), ("Pansharpening", radiometry["pansharpening"])]
    for key, label in (
        ("ergas", "ERGAS at reduced scale"),
        ("sam_deg", "Spectral angle at reduced scale, degrees"),
        ("qnr", "QNR at full scale"),
    ):
        if radiometry.get(key) is not None:
            rows.append((label, f"{radiometry[key]:.3f}"))
    return _section(
        "Radiometry",
        f"<div class='two'><div>{_grid(head, body)}{_table(rows)}</div>"
        f"<div>{_histogram(radiometry)}</div></div>",
    )


def _histogram(radiometry: Json) -> str:
    bands = [band for band in radiometry["bands"] if band.get("histogram")]
    if not bands:
        return ""
    width, height = 420, 190
    most = max(max(band["histogram"]) for band in bands) or 1
    lines, names = [], []
    for number, band in enumerate(bands):
        counts = band["histogram"]
        colour = _COLOURS.get(band["name"], "#7a7f87")
        step = width / max(len(counts) - 1, 1)
        points = " ".join(
            f"{k * step:.1f},{height - 6 - (value / most) ** 0.5 * (height - 26):.1f}"
            for k, value in enumerate(counts)
        )
        lines.append(f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='1.6'/>")
        names.append(
            f"<text x='{width - 62}' y='{16 + 15 * number}' style='fill:{colour}'>"
            f"{html.escape(band['name'])}</text>"
        )
    low, high = radiometry["histogram_range"]
    return (
        f"<svg viewBox='0 0 {width} {height + 18}' role='img' aria-label='Histograms of the bands'>"
        f"<line class='axis' x1='0' x2='{width}' y1='{height - 6}' y2='{height - 6}'/>{''.join(lines)}"
        f"{''.join(names)}<text x='0' y='{height + 12}'>{low:.4g}</text>"
        f"<text x='{width}' y='{height + 12}' text-anchor='end'>{high:.4g}</text></svg>"
    )


def _cover(record: Json) -> str:
    mask = record["mask"]
    rows = [
        ("Told from", "reflectance" if mask["values"] == "reflectance" else "plain counts, scale guessed"),
        (
            "Height of clouds",
            "–" if mask["cloud_height_m"] is None else f"about {mask['cloud_height_m']:.0f} m",
        ),
        ("Area asked for", f"{_km2(record)} km²"),
        ("Of it in the image", _percent(record["coverage"]["fraction"])),
        ("Pixels with data", _percent(mask["valid"]) + " of the raster"),
    ]
    return _section("Cloud and cover", _table(rows))


def _provenance(record: Json) -> str:
    acquisition = [
        (str(key).replace("_", " ").capitalize(), str(value))
        for key, value in record["acquisition"].items()
        if value is not None
    ]
    inputs = [
        (one["role"], one["name"], f"{one['bytes']:,}", one["sha256"][:16] + "…") for one in record["inputs"]
    ]
    files = [(one["name"], f"{one['bytes']:,}", one["sha256"][:16] + "…") for one in record["files"]]
    return _section(
        "Where it comes from",
        _table(acquisition)
        + _grid(("Input", "File", "Bytes", "SHA-256"), inputs)
        + _grid(("Output", "Bytes", "SHA-256"), files),
    )


def _notes(record: Json) -> str:
    notes: Sequence[str] = record["notes"]
    made = (
        "Parts of this product are simulated: " + html.escape(record["simulated_what"])
        if record["simulated"]
        else "Nothing in this product is simulated."
    )
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    software = ", ".join(f"{name} {version}" for name, version in record["software"].items())
    return _section(
        "To bear in mind", f"<p>{made}</p><ul>{items}</ul><p class='made'>{html.escape(software)}</p>"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{content}</section>"


def _table(rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(f"<tr><th>{html.escape(a)}</th><td>{html.escape(b)}</td></tr>" for a, b in rows)
    return f"<table class='pairs'>{body}</table>"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{html.escape(one)}</th>" for one in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<div class='wide'><table class='grid'><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
        "</div>"
    )


def _percent(fraction: float) -> str:
    value = 100.0 * fraction
    return f"{value:.0f} %" if value in (0.0, 100.0) else f"{value:.1f} %"


def _km2(record: Json) -> str:
    return f"{record['coverage']['asked_km2']:.4g}"
