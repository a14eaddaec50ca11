"""The steps that a batch may name, and how a job file's words become their arguments."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

from comity.core import InputError

#: Step → where its function is. Loaded when a job names it.
STEPS: dict[str, str] = {
    "l1a": "comity.imagery.processing.decode:decode",
    "l1b": "comity.imagery.processing.radiometry:correct",
    "ortho": "comity.imagery.processing.ortho:orthorectify",
    "pansharpen": "comity.imagery.processing.pansharpen:pansharpen",
    "l2a": "comity.imagery.processing.surface:surface_reflectance",
    "mask": "comity.imagery.processing.masks:mask_image",
    "mosaic": "comity.imagery.processing.mosaic:mosaic",
    "cut": "comity.imagery.processing.cut:cut",
    "product": "comity.imagery.products.making:make_product",
    "index": "comity.imagery.reading.files:write_index",
    "change": "comity.imagery.reading.change:change",
}
#: What the batch gives itself.
_OWN = ("progress", "executor")
_PLAIN: dict[str, tuple[type, ...]] = {"float": (int, float), "int": (int,), "bool": (bool,), "str": (str,)}
_MANY = {"Sequence", "tuple", "list", "Iterable"}


@dataclass(frozen=True, slots=True)
class Step:
    """A step's name and function; ``takes``: its parameters with their types as they are written."""

    name: str
    run: Callable[..., Any]
    takes: Mapping[str, inspect.Parameter]

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise :class:`InputError` naming step and key: one that it does not take, or that is missing."""
        free = {name for name in self.takes if name not in _OWN}
        for key in given:
            if key not in free:
                raise InputError(f"step {self.name}: it takes no {key!r}; it takes {', '.join(sorted(free))}")
        missing = [
            name for name in free if self.takes[name].default is inspect.Parameter.empty and name not in given
        ]
        if missing:
            raise InputError(f"step {self.name}: {', '.join(sorted(missing))} is missing")

    def arguments(self, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """A job's words as arguments; paths are relative to ``folder``.

        Raises :class:`InputError` naming step and key: unknown, missing, or not of the type.
        """
        self.check(given)
        return {key: self._argument(key, value, folder) for key, value in given.items()}

    def _argument(self, key: str, value: Any, folder: Path) -> Any:
        written = str(self.takes[key].annotation)
        words = set(re.findall(r"\w+", written))
        if isinstance(value, Mapping):
            return self._record(key, value)
        if isinstance(value, list):
            if not words & _MANY:
                raise InputError(f"step {self.name}: {key} takes one value ({written}), not a list")
            return tuple(self._single(key, one, words, written, folder) for one in value)
        return self._single(key, value, words, written, folder)

    def _single(self, key: str, value: Any, words: set[str], written: str, folder: Path) -> Any:
        if isinstance(value, str):
            path = folder / Path(value).expanduser()
            if "Path" in words and ("str" not in words or path.exists()):
                return path
            if "str" in words or "Literal" in words or "Quantity" in words:
                return value
            if words & {"Dem", "Relief", "Heights"}:
                from comity.imagery.geometry.dem import Dem

                return Dem(path)
            if "BaseGeometry" in words:
                return _area(path)
        for word, kinds in _PLAIN.items():
            if word in words and type(value) in kinds:
                return float(value) if word == "float" and "int" not in words else value
        raise InputError(f"step {self.name}: {key} = {value!r} is not of the type {written}")

    def _record(self, key: str, value: Mapping[str, Any]) -> Any:
        """A table as the record that the parameter takes."""
        hint = get_type_hints(self.run).get(key)
        kinds = [one for one in (hint, *getattr(hint, "__args__", ())) if is_dataclass(one)]
        if not kinds or not isinstance(kinds[0], type):
            raise InputError(f"step {self.name}: {key} takes no table")
        try:
            return kinds[0](**value)
        except TypeError as error:
            raise InputError(f"step {self.name}: {key}: {error}") from error


def step_named(name: str) -> Step:
    """A step by its name; raises :class:`InputError` for one that is not there."""
    if name not in STEPS:
        raise InputError(f"unknown step {name!r}: there are {', '.join(STEPS)}")
    module, _, function = STEPS[name].partition(":")
    try:
        run = getattr(import_module(module), function)
    except (ModuleNotFoundError, AttributeError) as error:
        raise InputError(f"step {name!r} is not in this installation: {error}") from error
    return Step(name, run, inspect.signature(run).parameters)


def _area(path: Path) -> Any:
    import shapely

    from comity.fleet import targets_from_file

    return shapely.union_all([target.geometry for target in targets_from_file(path)])
