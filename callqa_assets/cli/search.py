"""`callqa search …`: calls in which something is said."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from callqa_assets.cli.options import HomeOption, WarehouseOption, console, read_settings

DEFAULT_DAYS = 30


class _QueryByDefault(TyperGroup):
    """`callqa search 退费` is `callqa search query 退费`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["query", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    cls=_QueryByDefault,
    help="""Find calls in which something is said.

    callqa search 退费

    callqa search 信用卡还款 --role customer --emotion angry --from 2025-03-01

    callqa search 158.5元 --json

    Any part of what was said is found, from one character on; width, case and punctuation do not
    matter. A word that is also the name of a command is searched for with `callqa search query`.
    """,
)


@app.command()
def query(
    text: Annotated[str, typer.Argument(help="What was said, or a part of it.")],
    first_day: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DAY",
            help=f"First day, like 2025-03-14 [default: {DEFAULT_DAYS} days up to the last].",
            show_default=False,
        ),
    ] = None,
    last_day: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="DAY", help="Last day [default: the newest].", show_default=False
        ),
    ] = None,
    role: Annotated[
        str | None, typer.Option("--role", help="Who says it: agent, customer or mixed.")
    ] = None,
    queue: Annotated[str | None, typer.Option("--queue", help="Only calls of this queue.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Only calls of this agent.")] = None,
    emotion: Annotated[
        str | None, typer.Option("--emotion", help="How it sounds, like angry or neutral.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many calls.")] = 20,
    as_json: Annotated[
        bool, typer.Option("--json", help="All that is found, as one JSON object.")
    ] = False,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Find calls in which TEXT is said: those that say it most often first, then the newest."""
    from callqa_assets.domain.days import days_between, shift_day
    from callqa_assets.warehouse.search import SearchFilter, find, find_newest_day
    from callqa_assets.warehouse.search_snippets import read_snippets

    for day in (first_day, last_day):
        _check_day(day)
    with read_settings(home, warehouse_url).open_warehouse().read() as connection:
        last_day = last_day or find_newest_day(connection)
        if first_day is None and last_day is not None:
            first_day = shift_day(last_day, 1 - DEFAULT_DAYS)
        chosen = SearchFilter(first_day, last_day, role, queue, agent, emotion)
        found = find(connection, text, chosen, limit=limit)
        calls = read_snippets(connection, found.calls, text)
    result: dict[str, Any] = {
        "text": text,
        "from": first_day,
        "to": last_day,
        "total_calls": found.total_calls,
        "total_segments": found.total_segments,
        "calls": calls,
    }
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    for call in calls:
        console.print(
            f"{call['day']}  {call['source_name']}  agent {call['agent_id'] or '–'}, queue "
            f"{call['queue'] or '–'}, {len(call['hits'])} hits",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        for hit in call["hits"]:
            console.print(
                f"  {hit['start_s']:7.1f} s  {hit['role']:<8}  {hit['snippet']}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    days = len(days_between(first_day, last_day)) if first_day and last_day else 0
    shown = "" if len(calls) == found.total_calls else f", {len(calls)} shown"
    console.print(
        f"{found.total_calls} calls, {found.total_segments} segments in {days} days"
        f" ({first_day} to {last_day}){shown}",
        highlight=False,
    )


@app.command()
def rebuild(home: HomeOption = None, warehouse_url: WarehouseOption = None) -> None:
    """Build the search index again from the transcripts."""
    from callqa_assets.warehouse.search import rebuild

    with read_settings(home, warehouse_url).open_warehouse().write() as connection:
        entries = rebuild(connection)
    console.print(f"{entries} segments are indexed", highlight=False)


def _check_day(day: str | None) -> None:
    from datetime import date

    try:
        if day is not None:
            date.fromisoformat(day)
    except ValueError:
        raise typer.BadParameter(f"{day!r} is no day: write it like 2025-03-14") from None
