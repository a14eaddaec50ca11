"""Simulated products: the scene of a place, cloud-optimised images, quicklooks, STAC Items, clouds."""

from comity.imagery.acquisition import Acquisition
from comity.imagery.clouds import CLOUD_SOURCE, clear_probability, cloud_probability, draw_cloud_fraction
from comity.imagery.products.catalogue import write_catalogue
from comity.imagery.products.joined import JoinedFiles, common_bands, join_items
from comity.imagery.products.product import ItemFiles, make_item
from comity.imagery.products.schemas import validate_item

__all__ = [
    "CLOUD_SOURCE",
    "Acquisition",
    "ItemFiles",
    "JoinedFiles",
    "clear_probability",
    "cloud_probability",
    "common_bands",
    "draw_cloud_fraction",
    "join_items",
    "make_item",
    "validate_item",
    "write_catalogue",
]
