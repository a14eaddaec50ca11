"""What a customer gets: cloud-optimised images, quicklooks, STAC Items and the catalogue."""
