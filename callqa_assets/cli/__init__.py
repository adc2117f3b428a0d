"""The command line `callqa …`. Each command reads its options and calls one function.

One module per group of commands; `options` holds what they share.
"""

from __future__ import annotations

import errno
import sys

import typer
from rich.console import Console
from sqlalchemy import exc

from callqa_assets.cli import (
    alerts,
    evidence,
    export,
    models,
    publish,
    rebuild,
    redact,
    report,
    review,
    rules,
    runs,
    scripts,
    search,
    serve,
)
from callqa_assets.cli.stop_signals import StoppedError
from callqa_assets.domain.errors import CallqaError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # brackets in the help are brackets
    pretty_exceptions_show_locals=False,  # they could show transcripts
    help="Process every call of a contact centre: recordings in, searchable tables and alerts out.",
)
app.add_typer(runs.app)
app.add_typer(rebuild.app)
app.add_typer(redact.app)
app.add_typer(publish.app)
app.add_typer(export.app)
app.add_typer(report.app)
app.add_typer(evidence.app)
app.add_typer(alerts.app, name="alerts")
app.add_typer(models.app, name="models")
app.add_typer(review.app, name="review")
app.add_typer(rules.app, name="rules")
app.add_typer(search.app, name="search")
app.add_typer(serve.app)
app.add_typer(scripts.app, name="scripts")


_STORAGE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""What a user can cure where a file cannot be written."""


def main() -> None:
    """The `callqa` command. An error that the user can fix is one line, without a traceback."""
    try:
        app()
    except CallqaError as error:
        _print_error(str(error))
        sys.exit(1)
    except exc.OperationalError as error:
        _print_error(
            f"the warehouse cannot be used now: {error.orig}; see whether another program holds "
            "it, its server runs and its disk has room, then repeat the command: it goes on from "
            "here"
        )
        sys.exit(1)
    except OSError as error:
        if error.errno not in _STORAGE_FAULTS:
            raise
        _print_error(
            f"{error.filename or 'the disk'}: {error.strerror}; give callqa room and write "
            "permission there, then repeat the command: it goes on from here"
        )
        sys.exit(1)
    except StoppedError as stopped:
        Console(stderr=True).print(f"stopped by {stopped}: the same command goes on from here")
        sys.exit(stopped.exit_status)


def _print_error(message: str) -> None:
    line = " ".join(message.split())  # a database's own message may have several
    Console(stderr=True, soft_wrap=True, markup=False).print(f"error: {line}")
