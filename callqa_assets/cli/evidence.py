"""`callqa evidence | replay`: what an alert rests on, and whether it fires again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from callqa_assets.cli.options import (
    HomeOption,
    ProfileOption,
    WarehouseOption,
    console,
    read_settings,
)

app = typer.Typer()

AlertArgument = Annotated[
    str, typer.Argument(metavar="ALERT_ID", help="Its id, or an unambiguous beginning of it.")
]


@app.command()
def evidence(
    alert: AlertArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write [default: ALERT_ID.html].", show_default=False),
    ] = None,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Write one HTML file with all that an alert rests on.

    Its sound, waveform, emotions, words, the rule as it was, and the hashes of audio and models.
    Texts are masked, the sound is not.
    """
    from callqa_assets.evidence.page import write_evidence
    from callqa_assets.warehouse.reviews import find_alert
    from resources.storage.atomic import write_atomically

    settings = read_settings(home, warehouse_url)
    warehouse = settings.open_warehouse()
    with warehouse.read() as connection:
        alert_id = find_alert(connection, alert)
    page = write_evidence(warehouse, settings.home, alert_id)
    path = out or Path(f"{alert_id}.html")
    with write_atomically(path) as file:
        file.write(page.encode())
    console.print(f"written: {path}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def replay(
    alert: AlertArgument,
    home: HomeOption = None,
    profile: ProfileOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Compute an alert again from the archived file, and say whether it fires the same.

    Under the rules of then, with the models of now; stages whose model, settings or code are others
    are named. Nothing that is stored changes. Exit status 1 where it does not fire the same.
    """
    from callqa_assets.evidence.facts import read_alert_facts
    from callqa_assets.evidence.replay import replay as compute
    from callqa_assets.warehouse.reviews import find_alert
    from resources.settings import Settings

    settings = Settings.from_environment(home=home, profile=profile, warehouse_url=warehouse_url)
    with settings.open_warehouse().read() as connection:
        facts = read_alert_facts(connection, find_alert(connection, alert))
    found = compute(settings, facts)
    stored = facts.alert
    lines = [
        f"stored: {stored['rule']}, {stored['role']}, "
        f"{stored['started_s']:.2f}–{stored['ended_s']:.2f} s, peak {stored['peak']:.4f}",
        "audio: the archived file is the one that was heard"
        if found.is_same_sound
        else "audio: the archived file is NOT the one that was heard",
        *(
            f"{stage}: another model, setting or code now ({fingerprint[:8]}, "
            f"then {facts.fingerprints[stage][:8]})"
            for stage, fingerprint in found.changed.items()
        ),
    ]
    if not found.changed:
        lines.append("models: the same weights, settings and code")
    if found.fired is None:
        lines.append("replay: it does not fire")
    elif found.is_same:
        lines.append("replay: it fires the same")
    else:
        other = found.fired
        lines.append(
            f"replay: it fires at {other['started_s']:.2f}–{other['ended_s']:.2f} s, "
            f"peak {other['peak']:.4f}"
        )
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    if not (found.is_same and found.is_same_sound):
        raise typer.Exit(1)
