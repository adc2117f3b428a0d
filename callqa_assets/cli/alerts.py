"""`callqa alerts …`: who was told of alerts, who was not, and the channels."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from callqa_assets.cli.options import HomeOption, WarehouseOption, console, read_settings

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Deliver alerts, and see what waits or died."
)

_ID_SHOWN = 8

ChannelOption = Annotated[
    str | None, typer.Option("--channel", help="Only this channel of configs/channels.yaml.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
ChannelArgument = Annotated[str, typer.Argument(help="A channel of configs/channels.yaml.")]


@app.command()
def pending(
    channel: ChannelOption = None,
    limit: LimitOption = 50,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Show what waits to be delivered, since when, and why."""
    from callqa_assets.warehouse.deliveries import WAITING

    _show_letters(WAITING, channel, limit, home, warehouse_url)


@app.command()
def dead(
    channel: ChannelOption = None,
    limit: LimitOption = 50,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Show what was given up after too many attempts or too long a time, with the last error."""
    _show_letters(["dead"], channel, limit, home, warehouse_url)


def _show_letters(
    statuses: Collection[str],
    channel: str | None,
    limit: int,
    home: HomeOption,
    warehouse_url: WarehouseOption,
) -> None:
    from callqa_assets.warehouse.delivery_reports import read_letters

    warehouse = read_settings(home, warehouse_url).open_warehouse()
    with warehouse.read() as connection:
        letters = read_letters(connection, statuses, receiver=channel, limit=limit)
    for letter in letters:
        tried = f"{letter.attempts} attempts"
        if letter.status == "pending":
            tried += f", next {letter.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC"
        lines = (
            f"{letter.alert_id[:_ID_SHOWN]}  {letter.receiver}  {letter.status}  "
            f"{letter.rule}  {letter.priority}  call of {letter.started_at:%Y-%m-%d %H:%M} UTC, "
            f"agent {letter.agent_id or '?'}",
            f"          since {letter.waiting_since:%Y-%m-%d %H:%M} UTC, {tried}: "
            f"{letter.last_error or 'not tried yet'}",
        )
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if not letters:
        console.print("none")


@app.command()
def resend(
    alert: Annotated[
        list[str] | None,
        typer.Argument(help="Alert ids, or as much of their beginning as is unambiguous."),
    ] = None,
    channel: ChannelOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All dead letters (of the channel, where one is named).")
    ] = False,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Put dead letters back, to be tried again from the start. Nothing else is sent again."""
    from callqa_assets.warehouse.delivery_reports import resend_dead
    from callqa_assets.warehouse.reviews import find_alert

    if bool(alert) == everything:
        raise typer.BadParameter("name alerts, or say --all")
    warehouse = read_settings(home, warehouse_url).open_warehouse()
    with warehouse.write() as connection:
        ids = [find_alert(connection, beginning) for beginning in alert or ()]
        count = resend_dead(connection, datetime.now(UTC), receiver=channel, alert_ids=ids)
    console.print(f"{count} dead letters wait to be sent again")


@app.command()
def drain(
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="How long to wait for rate limits and retries")
    ] = 60,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Deliver now what is due, as the sensor does every 30 s."""
    from callqa_assets.alerting import delivery
    from resources.notifier.notifier import load_notifier

    settings = read_settings(home, warehouse_url)
    warehouse = settings.open_warehouse()
    notifier = load_notifier(settings.channels_file, settings.environment)
    report = delivery.drain(warehouse, notifier, budget=timedelta(seconds=seconds))
    console.print(str(report), markup=False, highlight=False, soft_wrap=True)


@app.command()
def channels(home: HomeOption = None, warehouse_url: WarehouseOption = None) -> None:
    """Show every channel: whether it can send, and what waits, was delivered or died."""
    from callqa_assets.warehouse.delivery_reports import ReceiverCounts, count_by_channel
    from callqa_assets.warehouse.receiver_states import read_states
    from resources.notifier.notifier import load_notifier
    from resources.notifier.receiver_config import ChannelUnusableError

    settings = read_settings(home, warehouse_url)
    warehouse = settings.open_warehouse()
    notifier = load_notifier(settings.channels_file, settings.environment)
    with warehouse.read() as connection:
        counts = count_by_channel(connection, ("pending", "sending", "delivered", "dead"))
        states = read_states(connection)
    table = Table("channel", "waiting", "delivered", "dead", "state", box=None)
    for name in dict.fromkeys([*notifier.settings.channels, *counts]):
        count = counts.get(name, ReceiverCounts({}, None))
        state = states.get(name)
        try:
            notifier.open(name)
            words = "ready"
        except ChannelUnusableError as error:
            words = str(error)
        if state is not None and state.disabled_at is not None:
            words = f"disabled: {state.disabled_because}; enable it with `callqa alerts enable`"
        numbers = (
            count.waiting,
            count.by_status.get("delivered", 0),
            count.by_status.get("dead", 0),
        )
        table.add_row(name, *map(str, numbers), words)
    console.print(table)


@app.command()
def test(
    channel: ChannelArgument, home: HomeOption = None, warehouse_url: WarehouseOption = None
) -> None:
    """Send a sample message through a channel, and show what its receiver answers."""
    from callqa_assets.alerting.delivery import try_channel
    from resources.notifier.notifier import load_notifier

    settings = read_settings(home, warehouse_url)
    notifier = load_notifier(settings.channels_file, settings.environment)
    answer = try_channel(settings.open_warehouse(), notifier, channel)
    words = f"{channel}: {answer.verdict}" + (f" ({answer.error})" if answer.error else "")
    console.print(words, markup=False, highlight=False, soft_wrap=True)
    if answer.verdict != "taken":
        raise typer.Exit(1)


@app.command()
def enable(
    channel: ChannelArgument, home: HomeOption = None, warehouse_url: WarehouseOption = None
) -> None:
    """Let a channel send again that was disabled because its receiver was gone (HTTP 410)."""
    from callqa_assets.warehouse import receiver_states

    warehouse = read_settings(home, warehouse_url).open_warehouse()
    with warehouse.write(lock=f"deliveries:{channel}") as connection:
        was_disabled = receiver_states.enable(connection, channel)
    console.print(f"{channel} {'is enabled' if was_disabled else 'was not disabled'}")
