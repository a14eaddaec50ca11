"""RPCs in the forms vendors deliver them: GeoTIFF tag, ``.RPB``, ``_RPC.TXT``, DIMAP XML.

All but DIMAP count pixels from (0, 0) at the centre of the first; DIMAP counts from (1, 1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from rasterio.rpc import RPC

from comity.core import InputError, read_text, write_text
from comity.imagery.geometry.rpc import TERMS, Rpc

#: Our field → name in _RPC.TXT (and GDAL's tags), name in .RPB, name in DIMAP.
_NUMBERS = {
    "row_off": ("LINE_OFF", "lineOffset", "LINE_OFF"),
    "column_off": ("SAMP_OFF", "sampOffset", "SAMP_OFF"),
    "lat_off_deg": ("LAT_OFF", "latOffset", "LAT_OFF"),
    "lon_off_deg": ("LONG_OFF", "longOffset", "LONG_OFF"),
    "height_off_m": ("HEIGHT_OFF", "heightOffset", "HEIGHT_OFF"),
    "row_scale": ("LINE_SCALE", "lineScale", "LINE_SCALE"),
    "column_scale": ("SAMP_SCALE", "sampScale", "SAMP_SCALE"),
    "lat_scale_deg": ("LAT_SCALE", "latScale", "LAT_SCALE"),
    "lon_scale_deg": ("LONG_SCALE", "longScale", "LONG_SCALE"),
    "height_scale_m": ("HEIGHT_SCALE", "heightScale", "HEIGHT_SCALE"),
}
_SERIES = {
    "row_num": ("LINE_NUM_COEFF", "lineNumCoef"),
    "row_den": ("LINE_DEN_COEFF", "lineDenCoef"),
    "column_num": ("SAMP_NUM_COEFF", "sampNumCoef"),
    "column_den": ("SAMP_DEN_COEFF", "sampDenCoef"),
}
_ERRORS = {"error_bias_m": ("ERR_BIAS", "errBias"), "error_random_m": ("ERR_RAND", "errRand")}


def read_rpc(path: Path, shape: tuple[int, int]) -> Rpc:
    """The RPC of a file of any of the forms, for a raster of ``shape`` (rows, columns).

    ``.RPB``; ``.TXT`` of ``NAME: value`` lines; DIMAP ``.XML`` (Pléiades, SPOT 6/7); anything else is opened
    as an image with its tag. Raises :class:`InputError` naming the file and what is wrong with it.
    """
    kind = path.suffix.lower()
    if kind not in (".rpb", ".txt", ".xml"):
        found = tag_of(path, shape)
        if found is None:
            raise InputError(f"{path} has no RPC")
        return found
    text = read_text(path)
    try:
        if kind == ".rpb":
            return _from_rpb(text, shape)
        if kind == ".txt":
            return _from_txt(text, shape)
        return _from_dimap(text, shape)
    except (InputError, ValueError) as error:
        raise InputError(f"{path}: {error}") from error


def find_rpc(image: Path) -> Path | None:
    """The file beside an image that holds its RPC, if there is one.

    ``NAME.RPB``, ``NAME_RPC.TXT`` or ``NAME.XML`` with a rational model, in any case of letters; for DIMAP's
    ``IMG_NAME_RrCc.TIF`` also ``RPC_NAME.XML``.
    """
    stem = image.stem
    names = [f"{stem}.rpb", f"{stem}_rpc.txt", f"{stem}.rpc.txt", f"{stem}_rpc.xml"]
    dimap = re.fullmatch(r"IMG_(.+?)(_R\d+C\d+)?", stem, re.IGNORECASE)
    if dimap:
        names.append(f"rpc_{dimap[1]}.xml")
    wanted = [name.lower() for name in names]
    try:
        beside = {path.name.lower(): path for path in image.parent.iterdir() if path.is_file()}
    except OSError:
        return None
    return next((beside[name] for name in wanted if name in beside), None)


def tag_of(image: Path, shape: tuple[int, int]) -> Rpc | None:
    """The RPC that GDAL finds with an image (the GeoTIFF tag among others), None where there is none."""
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(image) as opened:
            tags = opened.tags(ns="RPC")
    except (RasterioError, OSError) as error:
        raise InputError(f"cannot read {image}: {error}") from error
    if not tags:
        return None
    try:
        return _from_names(tags, shape)
    except (InputError, ValueError) as error:
        raise InputError(f"{image}: {error}") from error


def to_tag(rpc: Rpc) -> RPC:
    """The model as rasterio writes it into a GeoTIFF: ``dataset.rpcs``, or ``rpcs`` of ``write_cog``."""
    return RPC(
        height_off=rpc.height_off_m,
        height_scale=rpc.height_scale_m,
        lat_off=rpc.lat_off_deg,
        lat_scale=rpc.lat_scale_deg,
        line_den_coeff=list(rpc.row_den),
        line_num_coeff=list(rpc.row_num),
        line_off=rpc.row_off,
        line_scale=rpc.row_scale,
        long_off=rpc.lon_off_deg,
        long_scale=rpc.lon_scale_deg,
        samp_den_coeff=list(rpc.column_den),
        samp_num_coeff=list(rpc.column_num),
        samp_off=rpc.column_off,
        samp_scale=rpc.column_scale,
        err_bias=-1.0 if rpc.error_bias_m is None else rpc.error_bias_m,
        err_rand=-1.0 if rpc.error_random_m is None else rpc.error_random_m,
    )


def write_rpc(path: Path, rpc: Rpc) -> Path:
    """Write ``NAME.RPB`` or ``NAME_RPC.TXT``, by the end of the name, whole or not at all."""
    kind = path.suffix.lower()
    if kind not in (".rpb", ".txt"):
        raise InputError(f"{path}: an RPC is written to a file that ends in .RPB or .TXT")
    lines = []
    errors = {name: getattr(rpc, name) for name in _ERRORS}
    if kind == ".txt":
        for field, (name, _) in _ERRORS.items():
            if errors[field] is not None:
                lines.append(f"{name}: {errors[field]!r}")
        lines += [f"{names[0]}: {getattr(rpc, field)!r}" for field, names in _NUMBERS.items()]
        for field, (name, _) in _SERIES.items():
            lines += [f"{name}_{i}: {value!r}" for i, value in enumerate(getattr(rpc, field), 1)]
    else:
        lines += ['satId = "";', 'bandId = "";', 'SpecId = "RPC00B";', "BEGIN_GROUP = IMAGE"]
        for field, (_, name) in _ERRORS.items():
            if errors[field] is not None:
                lines.append(f"\t{name} = {errors[field]!r};")
        lines += [f"\t{names[1]} = {getattr(rpc, field)!r};" for field, names in _NUMBERS.items()]
        for field, (_, name) in _SERIES.items():
            values = ",\n".join(f"\t\t\t{value!r}" for value in getattr(rpc, field))
            lines.append(f"\t{name} = (\n{values});")
        lines += ["END_GROUP = IMAGE", "END;"]
    return write_text(path, "\n".join(lines) + "\n")


def _from_names(values: Mapping[str, str], shape: tuple[int, int]) -> Rpc:
    """From GDAL's names, series as one text of twenty numbers."""
    numbers = {field: _number(values, names[0]) for field, names in _NUMBERS.items()}
    series = {field: _numbers(values, name) for field, (name, _) in _SERIES.items()}
    errors = {field: float(values[name]) if name in values else None for field, (name, _) in _ERRORS.items()}
    return _model(shape, numbers, series, errors)


def _from_txt(text: str, shape: tuple[int, int]) -> Rpc:
    values = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        words = value.split()
        if colon and words:  # a unit may follow the number
            values[name.strip().upper()] = words[0]
    for name, _ in _SERIES.values():
        values[name] = " ".join(values.get(f"{name}_{i}", "") for i in range(1, TERMS + 1))
    return _from_names(values, shape)


def _from_rpb(text: str, shape: tuple[int, int]) -> Rpc:
    values = dict(re.findall(r"(\w+)\s*=\s*([^;=]*);", text))
    names = {
        ours: values[theirs].strip("() \t\n").replace(",", " ")
        for ours, theirs in [
            *((names[0], names[1]) for names in _NUMBERS.values()),
            *_SERIES.values(),
            *_ERRORS.values(),
        ]
        if theirs in values
    }
    return _from_names(names, shape)


def _from_dimap(text: str, shape: tuple[int, int]) -> Rpc:
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(text)
    except ParseError as error:
        raise InputError(f"it is not XML: {error}") from error
    model = root.find(".//Global_RFM")
    if model is None:
        raise InputError("it has no rational model (Global_RFM)")
    inverse, validity = model.find("Inverse_Model"), model.find("RFM_Validity")
    if inverse is None or validity is None:
        raise InputError("its Global_RFM has no Inverse_Model or no RFM_Validity")
    values = {
        name: " ".join(_text(inverse, f"{name}_{i}") for i in range(1, TERMS + 1))
        for name, _ in _SERIES.values()
    }
    values |= {names[0]: _text(validity, names[2]) for names in _NUMBERS.values()}
    for name in ("LINE_OFF", "SAMP_OFF"):
        values[name] = repr(_number(values, name) - 1.0)
    return _from_names(values, shape)


def _text(element: Element, name: str) -> str:
    found = element.find(f".//{name}")
    return (found.text or "").strip() if found is not None else ""


def _number(values: Mapping[str, str], name: str) -> float:
    text = values.get(name, "").split()
    if not text:
        raise InputError(f"the RPC has no {name}")
    try:
        return float(text[0])
    except ValueError:
        raise InputError(f"the RPC's {name} is {text[0]!r}, not a number") from None


def _numbers(values: Mapping[str, str], name: str) -> tuple[float, ...]:
    words = values.get(name, "").split()
    if len(words) != TERMS:
        raise InputError(f"the RPC has {len(words)} of {TERMS} coefficients {name}")
    try:
        return tuple(float(word) for word in words)
    except ValueError:
        raise InputError(f"the RPC's {name} holds what is not a number") from None


def _model(
    shape: tuple[int, int],
    numbers: Mapping[str, float],
    series: Mapping[str, tuple[float, ...]],
    errors: Mapping[str, float | None],
) -> Rpc:
    known = {name: value if value is not None and value >= 0.0 else None for name, value in errors.items()}
    return Rpc(
        shape=shape,
        row_off=numbers["row_off"],
        column_off=numbers["column_off"],
        lat_off_deg=numbers["lat_off_deg"],
        lon_off_deg=numbers["lon_off_deg"],
        height_off_m=numbers["height_off_m"],
        row_scale=numbers["row_scale"],
        column_scale=numbers["column_scale"],
        lat_scale_deg=numbers["lat_scale_deg"],
        lon_scale_deg=numbers["lon_scale_deg"],
        height_scale_m=numbers["height_scale_m"],
        row_num=series["row_num"],
        row_den=series["row_den"],
        column_num=series["column_num"],
        column_den=series["column_den"],
        error_bias_m=known["error_bias_m"],
        error_random_m=known["error_random_m"],
    )
