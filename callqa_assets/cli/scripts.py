"""`callqa scripts …`: lint scripts, and test them on sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callqa_assets.cli.options import console, read_settings

if TYPE_CHECKING:
    from callqa_assets.domain.yaml_config import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Scripts, what is to be said in a call: lint and test.",
)


@app.command()
def lint(
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="Scripts file [default: configs/scripts.yaml].",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings, too.")] = False,
) -> None:
    """Show errors and doubtful items of a scripts file, with the line and how to fix it.

    Fails on an error; a warning may be intended.
    """
    from callqa_assets.domain.scripts.lint import lint_scripts
    from callqa_assets.domain.scripts.script_set import ScriptsError

    chosen = file or read_settings().configs / "scripts.yaml"
    findings = lint_scripts(_read(chosen, ScriptsError), source=str(chosen))
    for finding in findings:
        _print(str(finding))
    errors = sum(finding.severity == "error" for finding in findings)
    _print(f"{errors} errors, {len(findings) - errors} warnings")
    if errors or (strict and findings):
        raise typer.Exit(1)


@app.command("test")
def run_suites(
    suites: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="Suites [default: configs/script_tests/*.yaml].",
            show_default=False,
        ),
    ] = None,
    scripts: Annotated[
        Path | None,
        typer.Option(
            "--scripts", exists=True, dir_okay=False, help="Scripts instead of the suite's own."
        ),
    ] = None,
) -> None:
    """Run suites of cases: short dialogues, and what their items should come to."""
    from callqa_assets.domain.scripts.evaluate import ScriptChecker
    from callqa_assets.domain.scripts.suite import SuiteError, load_suite, run_case
    from resources.storage.config_files import read_scripts_file

    configs = read_settings().configs
    failed = total = 0
    for file in suites or sorted((configs / "script_tests").glob("*.yaml")):
        suite = load_suite(_read(file, SuiteError), source=str(file))
        checker = ScriptChecker(read_scripts_file(scripts or configs / suite.scripts))
        for case in suite.cases:
            result = run_case(case, checker)
            total += 1
            if not result.passed:
                failed += 1
                _print(f"{file}: {result.name}")
                for line in result.differences:
                    _print(f"  {line}")
    _print(f"{total - failed} of {total} cases passed")
    if failed or not total:
        raise typer.Exit(1)


def _read(file: Path, error: type[ConfigError]) -> str:
    from resources.storage.config_files import read_config

    return read_config(file, error=error, cure="name a file that can be read")


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
