"""From raw frames to a product: each processing level as a function over blocks."""
