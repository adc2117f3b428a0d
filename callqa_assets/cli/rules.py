"""`callqa rules …`: lint alert rules, test them, and try them on stored calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from callqa_assets.cli.options import (
    HomeOption,
    ProfileOption,
    WarehouseOption,
    console,
    read_settings,
)
from resources.settings import Settings

if TYPE_CHECKING:
    from callqa_assets.alerting.rules_diff import Example, RulesDiff
    from callqa_assets.domain.rules.lint import Surroundings
    from callqa_assets.domain.rules.rule_set import RuleSet
    from callqa_assets.domain.yaml_config import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Alert rules: lint, test, and try on stored calls.",
)


@app.command()
def lint(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="Rules files [default: those that the profiles of configs/models.yaml name].",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings, too.")] = False,
) -> None:
    """Show errors and doubtful rules in rules files, with the line and how to fix it.

    Fails on an error; a warning may be intended. Emotions are those of the model of --profile;
    without it, of the profiles that name the file.
    """
    from callqa_assets.domain.rules.lint import lint_rules
    from callqa_assets.domain.rules.rule_set import RulesError

    findings = [
        finding
        for file in files or _shipped_rules()
        for finding in lint_rules(
            _read(file, RulesError), source=str(file), around=_read_around(file.name, profile)
        )
    ]
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
            help="Suites [default: configs/rule_tests/*.yaml].",
            show_default=False,
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            "--rules", exists=True, dir_okay=False, help="Rules instead of the suite's own."
        ),
    ] = None,
) -> None:
    """Run suites of cases: small calls, and the alerts that they should fire."""
    from callqa_assets.domain.rules.suite import SuiteError, load_suite, run_case

    configs = read_settings().configs
    failed = total = 0
    for file in suites or sorted((configs / "rule_tests").glob("*.yaml")):
        suite = load_suite(_read(file, SuiteError), source=str(file))
        rule_set = _load_rules(rules or configs / suite.rules)
        for case in suite.cases:
            result = run_case(case, rule_set)
            total += 1
            if not result.passed:
                failed += 1
                _print(f"{file}: {result.name}")
                for line in result.describe():
                    _print(f"  {line}")
    _print(f"{total - failed} of {total} cases passed")
    if failed or not total:
        raise typer.Exit(1)


@app.command()
def diff(
    rules: Annotated[
        Path, typer.Option("--rules", exists=True, dir_okay=False, help="The rules to try.")
    ],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            exists=True,
            dir_okay=False,
            help="Rules to compare with [default: the alerts in force].",
            show_default=False,
        ),
    ] = None,
    examples: Annotated[
        int,
        typer.Option("--examples", min=0, help="Examples to show per rule and kind of change."),
    ] = 3,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Show what other rules would have found in stored calls: added, gone and moved alerts.

    No model runs and nothing is written.
    """
    from rich.progress import Progress

    from callqa_assets.alerting.rules_diff import diff_rules
    from resources.storage.lake import EmotionLake

    if last < first:
        raise typer.BadParameter("is before the day of --from", param_hint="--to")
    tried = _load_rules(rules)
    compared = None if against is None else _load_rules(against)
    settings = read_settings(home, warehouse_url)
    warehouse = settings.open_warehouse()
    days = (f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}")
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("calls evaluated", total=None)
        found = diff_rules(
            warehouse,
            EmotionLake(settings.home),
            settings.home.calendar,
            tried,
            days,
            against=compared,
            examples=examples,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    _print(
        f"{days[0]} to {days[1]}: {found.recordings} calls, {found.audio_hours:.2f} audio hours; "
        f"{rules.name} against {against.name if against else 'the alerts in force'}"
    )
    if found.left_out:
        _print(f"{found.left_out} more calls are not fully processed and left out")
    _print_counts(found)
    for (rule, kind), shown in sorted(found.examples.items()):
        for example in shown:
            _print(f"{kind} {rule}: {_describe(example)}")


def _print_counts(found: RulesDiff) -> None:
    columns = ("before", "after", "added", "gone", "moved", "inhibited", "per audio hour")
    table = Table(Column("rule", no_wrap=True), *columns, box=None)
    hours = found.audio_hours or 1.0
    for label, rules in (*((rule, [rule]) for rule in found.rules), ("all rules", found.rules)):
        before, after = found.before(*rules), found.after(*rules)
        table.add_row(
            label,
            str(before),
            str(after),
            *(str(found.count(kind, *rules)) for kind in ("added", "gone", "moved")),
            f"{_sum(found.inhibited_before, rules)} → {_sum(found.inhibited_after, rules)}",
            f"{before / hours:.2f} → {after / hours:.2f}",
        )
    console.print(table)


def _sum(counts: Counter[str], rules: Sequence[str]) -> int:
    return sum(counts[rule] for rule in rules)


def _describe(example: Example) -> str:
    change = example.change
    spans = [f"{s[0]:.1f}–{s[1]:.1f} s" for s in (change.before_s, change.after_s) if s]
    return (
        f"{example.day} {example.source_name}, {example.role} {' → '.join(spans)}: "
        f"{example.text or '(no text)'}"
    )


def _shipped_rules() -> list[Path]:
    from resources.speech_models.profiles import load_profiles

    settings = read_settings()
    profiles = load_profiles(settings.profiles_file).values()
    return [settings.configs / name for name in dict.fromkeys(p.rules for p in profiles)]


def _read_around(file_name: str, profile: str | None) -> Surroundings:
    """Emotions that the models of the file's profiles all know, and the configured receivers."""
    from callqa_assets.domain.emotion.labels import EMOTIONS
    from callqa_assets.domain.rules.lint import Surroundings
    from resources.notifier.receiver_config import load_settings
    from resources.speech_models.profiles import load_profiles

    settings = Settings.from_environment(profile=profile)
    profiles = load_profiles(settings.profiles_file).values()
    naming = [p for p in profiles if p.rules == file_name]
    if profile is not None or not naming:
        naming = [settings.load_profile()]
    known = [p.emotion.read_emotions() for p in naming]
    return Surroundings(
        emotions=[emotion for emotion in EMOTIONS if all(emotion in some for some in known)],
        channels=list(load_settings(settings.channels_file).receivers),
    )


def _load_rules(file: Path) -> RuleSet:
    from callqa_assets.domain.rules.rule_set import RulesError, load_rules

    return load_rules(_read(file, RulesError), source=str(file))


def _read(file: Path, error: type[ConfigError]) -> str:
    from resources.storage.config_files import read_config

    return read_config(file, error=error, cure="name a file that can be read")


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
