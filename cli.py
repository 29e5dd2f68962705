#!/usr/bin/env python3
"""The command line: `python cli.py COMMAND --help` says what each command does.

Commands are the files of facegen/commands and dcign/commands. They are thin, and import what is
heavy when they run.
"""

import errno
import importlib
import io
import pkgutil
import sys
from typing import Any

import click

import dcign.commands
import facegen.commands
from facegen import __version__
from facegen.console import INTERRUPTED, heed_ctrl_c, say
from facegen.errors import UserError

USER_ERROR = 2

REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "; make room and run the same command again"),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM), "; check who may read and write there, or choose another place"
    ),
    errno.EROFS: "; choose another place",
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.EISDIR), "; choose another name"),
    errno.ENAMETOOLONG: "; choose a shorter name",
    errno.ENOENT: "; check the path",
}
"""By what the system complains of."""


class Commands(click.Group):
    """Commands found by file name, whose users see one line for what they can put right."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._modules())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = self._modules().get(cmd_name)
        command: click.Command | None = importlib.import_module(module).command if module else None
        return command

    @staticmethod
    def _modules() -> dict[str, str]:
        return {
            module.name.replace("_", "-"): f"{package.__name__}.{module.name}"
            for package in (facegen.commands, dcign.commands)
            for module in pkgutil.iter_modules(package.__path__)
        }

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command and exit: 2 for a mistake, 130 for Ctrl-C; a bug keeps its traceback."""
        kwargs["standalone_mode"] = False
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A path may hold bytes that are no text.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            sys.exit(super().main(*args, **kwargs) or 0)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
        except click.UsageError as error:
            hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
            say(f"error: {error.format_message() + hint}")
        except click.Abort:
            say("interrupted")
            sys.exit(INTERRUPTED)
        except (UserError, click.ClickException) as error:
            say(f"error: {error}")
        except RuntimeError as error:
            # torch's, which may not be loaded.
            if type(error).__name__ != "OutOfMemoryError":
                raise
            say("error: the GPU's memory is full; stop what else uses it, or take --device cpu")
        except OSError as error:
            path = f"{error.filename}: " if error.filename else ""
            remedy = REMEDIES.get(error.errno or 0, "")
            say(f"error: {path}{error.strerror or error}{remedy}")
        sys.exit(USER_ERROR)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Render faces whose every factor is known, and train a DC-IGN on them."""


if __name__ == "__main__":
    heed_ctrl_c()
    cli()
