"""`callqa alerts …`: deliveries that wait or were given up, and the receivers of alerts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from callqa_assets.cli.options import HomeOption, WarehouseOption, console, read_settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Deliver alerts and notices of spikes; show what waits, dead letters and receivers.",
)

_ID_SHOWN = 8

ReceiverOption = Annotated[
    str | None, typer.Option("--receiver", help="Only this receiver of configs/channels.yaml.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="Show at most this many.")]
ReceiverArgument = Annotated[str, typer.Argument(help="A receiver of configs/channels.yaml.")]


@app.command()
def pending(
    receiver: ReceiverOption = None,
    limit: LimitOption = 50,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Show the alerts that wait to be delivered, since when, and why."""
    from callqa_assets.warehouse.deliveries import WAITING

    _show_deliveries(WAITING, receiver, limit, home, warehouse_url)


@app.command()
def dead(
    receiver: ReceiverOption = None,
    limit: LimitOption = 50,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Show dead letters: given up after too many attempts or too long, with the last error."""
    _show_deliveries(["dead"], receiver, limit, home, warehouse_url)


def _show_deliveries(
    statuses: Collection[str],
    receiver: str | None,
    limit: int,
    home: HomeOption,
    warehouse_url: WarehouseOption,
) -> None:
    from callqa_assets.warehouse.delivery_reports import read_deliveries

    warehouse = read_settings(home, warehouse_url).open_warehouse()
    with warehouse.read() as connection:
        deliveries = read_deliveries(connection, statuses, receiver=receiver, limit=limit)
    for delivery in deliveries:
        tried = f"{delivery.attempts} attempts"
        if delivery.status == "pending":
            tried += f", next {delivery.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC"
        subject = (
            f"spike of {delivery.topic} on {delivery.day}"
            if delivery.topic is not None
            else f"{delivery.rule}  {delivery.priority}  "
            f"call of {delivery.call_started_at:%Y-%m-%d %H:%M} UTC, "
            f"agent {delivery.agent_id or '?'}"
        )
        lines = (
            f"{delivery.subject_id[:_ID_SHOWN]}  {delivery.receiver}  {delivery.status}  {subject}",
            f"          since {delivery.waiting_since:%Y-%m-%d %H:%M} UTC, {tried}: "
            f"{delivery.last_error or 'not tried yet'}",
        )
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if not deliveries:
        console.print("none")


@app.command()
def resend(
    subject: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...",
            help="Ids as `callqa alerts dead` shows them, or unambiguous beginnings of them.",
        ),
    ] = None,
    receiver: ReceiverOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All dead letters (of --receiver, if given).")
    ] = False,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Try dead letters again, from the first attempt. Nothing else is sent again."""
    from callqa_assets.warehouse.delivery_reports import find_subject, resend_dead

    if bool(subject) == everything:
        raise typer.BadParameter("name what to send again, or give --all")
    warehouse = read_settings(home, warehouse_url).open_warehouse()
    with warehouse.write() as connection:
        ids = [find_subject(connection, beginning) for beginning in subject or ()]
        count = resend_dead(connection, datetime.now(UTC), receiver=receiver, subject_ids=ids)
    console.print(f"dead letters to be sent again: {count}")


@app.command()
def drain(
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="How long to wait for rate limits and retries")
    ] = 60,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Deliver what is due now, as the sensor does every 30 s."""
    from callqa_assets.alerting import delivery
    from resources.notifier.notifier import load_notifier

    settings = read_settings(home, warehouse_url)
    warehouse = settings.open_warehouse()
    notifier = load_notifier(settings.channels_file, settings.environment)
    report = delivery.drain(warehouse, notifier, budget=timedelta(seconds=seconds))
    console.print(str(report), markup=False, highlight=False, soft_wrap=True)


@app.command()
def receivers(home: HomeOption = None, warehouse_url: WarehouseOption = None) -> None:
    """Show every receiver: whether it is ready, and its waiting, delivered and dead alerts."""
    from callqa_assets.warehouse.delivery_reports import ReceiverCounts, count_by_receiver
    from callqa_assets.warehouse.receiver_states import read_states
    from resources.notifier.notifier import load_notifier
    from resources.notifier.receiver import ReceiverUnusableError

    settings = read_settings(home, warehouse_url)
    warehouse = settings.open_warehouse()
    notifier = load_notifier(settings.channels_file, settings.environment)
    with warehouse.read() as connection:
        counts = count_by_receiver(connection, ("pending", "sending", "delivered", "dead"))
        states = read_states(connection)
    table = Table("receiver", "waiting", "delivered", "dead", "state", box=None)
    for receiver in dict.fromkeys([*notifier.settings.receivers, *counts]):
        count = counts.get(receiver, ReceiverCounts())
        state = states.get(receiver)
        try:
            notifier.open(receiver)
            words = "ready"
        except ReceiverUnusableError as error:
            words = str(error)
        if state is not None and state.disabled_at is not None:
            words = f"disabled: {state.disabled_because}; enable it with `callqa alerts enable`"
        numbers = (
            count.waiting,
            count.by_status.get("delivered", 0),
            count.by_status.get("dead", 0),
        )
        table.add_row(receiver, *map(str, numbers), words)
    console.print(table)


@app.command()
def test(
    receiver: ReceiverArgument, home: HomeOption = None, warehouse_url: WarehouseOption = None
) -> None:
    """Send a sample message to a receiver, and show what it replies."""
    from callqa_assets.alerting.delivery import send_sample
    from resources.notifier.notifier import load_notifier

    settings = read_settings(home, warehouse_url)
    notifier = load_notifier(settings.channels_file, settings.environment)
    outcome = send_sample(settings.open_warehouse(), notifier, receiver)
    words = f"{receiver}: {outcome.verdict}" + (f" ({outcome.error})" if outcome.error else "")
    console.print(words, markup=False, highlight=False, soft_wrap=True)
    if outcome.verdict != "accepted":
        raise typer.Exit(1)


@app.command()
def enable(
    receiver: ReceiverArgument, home: HomeOption = None, warehouse_url: WarehouseOption = None
) -> None:
    """Enable a receiver again that was disabled because it was gone (HTTP 410)."""
    from callqa_assets.warehouse import receiver_states

    warehouse = read_settings(home, warehouse_url).open_warehouse()
    with warehouse.write(lock=receiver_states.lock_name(receiver)) as connection:
        was_disabled = receiver_states.enable(connection, receiver)
    console.print(f"{receiver} {'is enabled' if was_disabled else 'was not disabled'}")
