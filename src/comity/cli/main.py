"""The command line: one module per command group, imported only when its command is called."""

from __future__ import annotations

import sys
from importlib import import_module

import click
import typer
from typer.main import get_command

from comity import __version__
from comity.core import ComityError

#: Command → (module, what it does). Each module has a Typer ``app``.
COMMANDS = {
    "demo": ("demo", "Walk the whole road on the embedded programme joint-eo."),
    "programme": ("programme", "Check a programme file, or start running it."),
    "windows": ("windows", "Find visibility and imaging windows."),
    "request": ("request", "Add and list customers' requests."),
    "quote": ("quote", "Price a request and decide its licences."),
    "order": ("order", "Make a quote binding."),
    "cancel": ("cancel", "Cancel an order."),
    "status": ("status", "Show orders and their history."),
    "plan": ("plan", "Make, explain and export plans."),
    "execute": ("execute", "Take in what happened, or simulate it."),
    "deliver": ("deliver", "Make the products of received acquisitions."),
    "accept": ("accept", "Accept or refuse delivered items."),
    "settle": ("settle", "Share out revenue and state the partners' accounts."),
    "report": ("report", "Write the operator's report as one HTML page."),
    "elements": ("elements", "Fetch orbital elements."),
}


class LazyGroup(click.Group):
    """Loads a command's module when the command is named, so that small commands start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the road."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if name not in COMMANDS:
            return None
        command = get_command(import_module(f"comity.cli.{COMMANDS[name][0]}").app)
        command.name = name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table above, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="comity")
def cli() -> None:
    """Run a joint satellite operator, from programme file to settlement."""


def main() -> None:
    """Entry point. Exit codes: 0 fine; 2 bad input or nothing usable; 3 some objects were skipped."""
    try:
        code = cli.main(standalone_mode=False)
    except ComityError as error:
        sys.stderr.write(f"comity: {error}\n")
        code = 2
    except (click.ClickException, typer.BadParameter) as error:
        error.show()
        code = 2
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("comity: stopped\n")
        code = 130
    except BrokenPipeError:
        # The reader went away (`comity windows … | head`): not our error; keep Python from complaining.
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
