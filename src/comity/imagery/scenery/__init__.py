"""The simulated ground and sky of a place: relief, cover, towns, light and clouds, block by block."""
