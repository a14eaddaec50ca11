"""Many scenes through the same steps, in threads or on a cluster; a run that was killed goes on."""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from comity import __version__
from comity.core import (
    ComityError,
    Executor,
    InputError,
    Progress,
    ThreadExecutor,
    encode,
    read_text,
    silent,
    write_text,
)
from comity.imagery.processing.steps import Step, step_named

_HOLE = re.compile(r"\{(\w+(?:-\w+)*)\}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_STATE = ".batch"
_COMPANIONS = (".camera.json", "_RPC.TXT", "_rpc.txt", ".RPB", ".rpb", ".XML", ".xml", ".json")
#: What a step may raise on one scene without it being the others' affair; our own mistakes are among them.
_ERRORS = (
    ComityError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One scene: its id and its steps with their words filled in; ``folder``: where paths start."""

    id: str
    steps: tuple[tuple[str, Mapping[str, Any]], ...]
    folder: Path
    out: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """A step of a scene. ``kept``: it was done already, by an earlier run, from the same input."""

    step: str
    out: str
    kept: bool
    seconds: float
    figures: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneDone:
    """What became of a scene. ``error``: why it failed, with the step's name; the steps before it stay."""

    id: str
    state: Literal["done", "kept", "failed"]
    steps: tuple[StepDone, ...]
    error: str = ""


def read_jobs(path: Path) -> list[Job]:
    """The scenes of a job file (TOML or JSON).

    ``out``: the folder of everything made. ``step``: a list, each with ``do`` (:data:`STEPS`) and its
    arguments. ``scene``: a list, each with ``id`` and values of its own; ``defaults``: values for all. In
    texts ``{id}``, ``{out}`` and ``{KEY}`` stand for the scene's values, ``{STEP}`` for what an earlier step
    wrote. Raises :class:`InputError` naming the file and the place in it.
    """
    text = read_text(path)
    try:
        content = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    try:
        return list(_jobs(content, path.absolute().parent))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _jobs(content: Any, folder: Path) -> Iterator[Job]:
    if not isinstance(content, dict):
        raise InputError("expected out, step and scene")
    unknown = set(content) - {"out", "step", "scene", "defaults"}
    if unknown:
        raise InputError(f"unknown key {sorted(unknown)[0]!r}: there are out, step, scene, defaults")
    out = folder / _text(content, "out")
    steps, scenes = (_tables(content, key) for key in ("step", "scene"))
    seen: set[str] = set()
    targets: dict[str, str] = {}
    for number, scene in enumerate(scenes, 1):
        id = str(scene.get("id", ""))
        if not _ID.fullmatch(id):
            raise InputError(f"scene {number}: id {id!r} is not letters, digits, '.', '_' and '-'")
        if id in seen:
            raise InputError(f"scene {id!r} is there twice")
        seen.add(id)
        known: dict[str, Any] = {**content.get("defaults", {}), **scene, "out": str(out)}
        resolved = []
        for step in steps:
            name = str(step.get("do", ""))
            where = f"scene {id!r}, step {name!r}"
            words = {key: _filled(value, known, where) for key, value in step.items()}
            words.pop("do", None)
            step_named(name).check(words)
            target = str(words.get("out", ""))
            if target in targets:
                raise InputError(
                    f"{target} would be written twice, by {targets[target]} and {where}: put {{id}} in"
                )
            targets[target] = where
            known[name] = target
            resolved.append((name, words))
        yield Job(id=id, steps=tuple(resolved), folder=folder, out=out)


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f'{key} is missing: give a folder, e.g. {key} = "products"')
    return value


def _tables(content: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    value = content.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        raise InputError(f"no {key}: add [[{key}]] tables")
    return value


def _filled(value: Any, known: Mapping[str, Any], where: str) -> Any:
    """The value with what stands in braces put in; a text that is nothing else keeps the value's type."""
    if isinstance(value, list):
        return [_filled(one, known, where) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, known, where) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    for name in _HOLE.findall(value):
        if name not in known:
            raise InputError(f"{where}: nothing is called {{{name}}}; there are {', '.join(sorted(known))}")
    whole = _HOLE.fullmatch(value)
    return known[whole[1]] if whole else _HOLE.sub(lambda hole: str(known[hole[1]]), value)


def run_batch(
    jobs: Sequence[Job],
    *,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> tuple[SceneDone, ...]:
    """Take every scene through its steps; each step uses one thread unless its words say ``workers``.

    A scene that fails is told of and the others go on. What is finished is noted under ``out/.batch``: called
    again, after a kill or an error, steps whose input, words and output are as they were are kept, and a step
    that was broken off goes on at its last block. On a cluster every worker must see the same folders.
    """
    done = []
    for result in (executor or ThreadExecutor()).map(run_scene, jobs):
        done.append(result)
        progress(len(done), len(jobs), f"{result.id} {result.state}")
    return tuple(done)


def run_scene(job: Job) -> SceneDone:
    """One scene through its steps; see :func:`run_batch`."""
    note = job.out / _STATE / f"{job.id}.json"
    before = _noted(note)
    steps: list[StepDone] = []
    entries: dict[str, Any] = {}
    try:
        for number, (name, words) in enumerate(job.steps, 1):
            key = f"{number} {name}"
            try:
                step = _run_step(job, step_named(name), words, before.get(key))
            except _ERRORS as error:
                kind = "" if isinstance(error, ComityError | OSError) else f"{type(error).__name__}: "
                return SceneDone(
                    id=job.id, state="failed", steps=tuple(steps), error=f"{name}: {kind}{error}"
                )
            steps.append(step[0])
            entries[key] = step[1]
            if not step[0].kept:
                write_text(note, json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    except InputError as error:  # the note itself: the disk is full
        return SceneDone(id=job.id, state="failed", steps=tuple(steps), error=str(error))
    kept = all(step.kept for step in steps)
    return SceneDone(id=job.id, state="kept" if kept else "done", steps=tuple(steps))


def _run_step(
    job: Job, step: Step, words: Mapping[str, Any], before: Mapping[str, Any] | None
) -> tuple[StepDone, dict[str, Any]]:
    from comity.imagery.processing.blocks import fingerprint

    arguments = step.arguments(words, job.folder)
    out = arguments.get("out")
    inputs = {key: value for key, value in arguments.items() if key != "out"}
    stated = {
        key: value for key, value in words.items() if key in inputs and not isinstance(inputs[key], Path)
    }
    files = [beside for path in _paths(inputs) for beside in (path, *_companions(path))]
    recipe = fingerprint("batch 1", __version__, step.name, stated, files, str(out))
    if before is not None and before["recipe"] == recipe and before["out"] == _state_of(out):
        return StepDone(
            step=step.name, out=str(out), kept=True, seconds=0.0, figures=before["figures"]
        ), dict(before)
    if "workers" in step.takes:
        arguments.setdefault("workers", 1)
    if isinstance(out, Path):
        out.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    figures = _figures(step.run(**arguments))
    seconds = round(time.perf_counter() - started, 3)
    entry = {"recipe": recipe, "out": _state_of(out), "figures": figures}
    return StepDone(step=step.name, out=str(out), kept=False, seconds=seconds, figures=figures), entry


def _companions(path: Path) -> list[Path]:
    """The files beside an image that say where it looks: with another of them it is another input."""
    names = [f"{path.stem}{ending}" for ending in _COMPANIONS] + [f"{path.name}.camera.json"]
    return [path.with_name(name) for name in names if path.with_name(name).is_file()]


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _paths(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _paths(one)


def _state_of(out: Path | None) -> list[Any] | None:
    """Names, sizes and times of the file a step wrote, or of those in its folder; None for none."""
    if out is None or not out.exists():
        return None
    files = [out] if out.is_file() else sorted(path for path in out.rglob("*") if path.is_file())
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def _figures(result: Any) -> Any:
    """What a step told, as JSON; arrays and other inner things are left out."""
    try:
        return encode(_told(result))
    except TypeError:
        return None


def _told(value: Any) -> Any:
    from dataclasses import fields, is_dataclass

    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        told = {field.name: _told(getattr(value, field.name)) for field in fields(value)}
        return {name: one for name, one in told.items() if _encodes(one)}
    if isinstance(value, Mapping):
        return {str(key): _told(one) for key, one in value.items()}
    return [_told(one) for one in value] if isinstance(value, tuple | list) else value


def _encodes(value: Any) -> bool:
    try:
        encode(value)
    except TypeError:
        return False
    return True


def _noted(note: Path) -> dict[str, Any]:
    """What an earlier run noted; nothing where it cannot be read: the steps are then done again."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    whole = isinstance(content, dict) and all(
        isinstance(entry, dict) and {"recipe", "out", "figures"} <= set(entry) for entry in content.values()
    )
    return content if whole else {}
