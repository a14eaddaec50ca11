"""Reading finished images: tiles, previews, values, band maths, change between dates, time series."""

from comity.imagery.reading.change import Change, change
from comity.imagery.reading.expression import INDICES, Expression, expression_of
from comity.imagery.reading.files import IndexMap, write_index, write_view
from comity.imagery.reading.pictures import STYLES, colour_bands, picture, stretch
from comity.imagery.reading.series import SeriesPoint, series, summarise_series, write_series
from comity.imagery.reading.source import BandInfo, Source, open_source
from comity.imagery.reading.views import View, point, preview, tile

__all__ = [
    "INDICES",
    "STYLES",
    "BandInfo",
    "Change",
    "Expression",
    "IndexMap",
    "SeriesPoint",
    "Source",
    "View",
    "change",
    "colour_bands",
    "expression_of",
    "open_source",
    "picture",
    "point",
    "preview",
    "series",
    "stretch",
    "summarise_series",
    "tile",
    "write_index",
    "write_series",
    "write_view",
]
