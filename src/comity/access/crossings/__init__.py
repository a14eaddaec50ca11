"""The steps of a grid in which a pass may begin or end."""

__all__: list[str] = []
