"""Tiles of a cloud-optimised GeoTIFF: packing pixels, halving them, and the file around them."""
