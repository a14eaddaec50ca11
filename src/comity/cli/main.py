"""The command line: one module per command group, imported only when its command is called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from comity import __version__
from comity.core import ComityError

#: Command → what it does. The module of the same name has a Typer ``app`` (a group) or a function of
#: the command's name.
COMMANDS = {
    "demo": "Walk the whole road on the embedded programme joint-eo.",
    "programme": "Check a programme file, or start running it.",
    "windows": "Find visibility and imaging windows.",
    "events": "Find when conditions on orbits hold: eclipses, sight, angles.",
    "ephemeris": "Tabulate orbits as CCSDS OEM.",
    "coverage": "Compute coverage and revisit of a constellation.",
    "tradespace": "Compare constellations by cost, revisit and GSD.",
    "request": "Add and list customers' requests.",
    "quote": "Price a request and decide its licences.",
    "order": "Make a quote binding.",
    "cancel": "Cancel an order.",
    "status": "Show orders and their history.",
    "plan": "Make, explain and export plans.",
    "execute": "Take in what happened, or simulate it.",
    "process": "Process images from raw frames to products.",
    "image": "Read images: tiles, values, band maths, change, series.",
    "deliver": "Make the products of received acquisitions.",
    "archive": "Keep the index of what was delivered.",
    "accept": "Accept or refuse delivered items.",
    "settle": "Share out revenue and state the partners' accounts.",
    "serve": "Serve the operator over HTTP: STAPI, STAC, operator and partner API.",
    "backup": "Back up database and delivered files.",
    "restore": "Bring a backup into an empty database.",
    "report": "Write the operator's report as one HTML page.",
    "elements": "Fetch orbital elements.",
    "stapi-check": "Hold any STAPI server against the specification.",
    "validate": "Rerun the published figures that Comity is held against.",
}

#: What set-up calls; of no use to a person.
HIDDEN = "_warm"
_INTERRUPTED = 130


def build_app(called: str | None) -> typer.Typer:
    """The command line with the module of ``called`` loaded; the others only show their line of help."""
    app = typer.Typer(
        name="comity",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",  # brackets in help, as of [start, end], are not styles
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, text in COMMANDS.items():
        if name != called:
            app.command(name, help=text)(_not_loaded)
            continue
        own = name.replace("-", "_")
        module = import_module(f"comity.cli.{own}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name, help=text)
        else:
            app.command(name)(getattr(module, own))  # its docstring says more than the line here
    if called == HIDDEN:
        app.command(HIDDEN, hidden=True)(import_module("comity.cli.warm").warm)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"comity {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Run a joint satellite operator, from programme file to settlement."""


def _not_loaded() -> None:
    raise AssertionError("a command that is not called is never run")


def main() -> None:
    """Entry point.

    Exit codes: 0 fine; 1 a figure of ``validate`` is off; 2 bad input or nothing usable; 3 some objects were
    skipped; 130 interrupted.
    """
    called = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    try:
        build_app(called)(prog_name="comity")
    except ComityError as error:
        sys.stderr.write(f"comity: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:  # before the command had begun: while its modules were imported
        _interrupted()
    except SystemExit as end:
        if end.code != _INTERRUPTED:
            raise
        _interrupted()


def _interrupted() -> NoReturn:
    sys.stderr.write("comity: interrupted\n")
    sys.exit(_INTERRUPTED)
