"""`callqa redact`: copies of recordings in which personal data is silent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from callqa_assets.cli.options import HomeOption, WarehouseOption, console, read_settings

app = typer.Typer()


class CopyFormat(StrEnum):
    """File formats of copies."""

    flac = "flac"
    wav = "wav"


@app.command()
def redact(
    to: Annotated[
        Path, typer.Option("--to", file_okay=False, help="Folder of the copies; created.")
    ],
    recordings: Annotated[
        list[str] | None, typer.Argument(help="Recording ids or call ids.", show_default=False)
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--day", formats=["%Y-%m-%d"], help="All recordings of a day."),
    ] = None,
    file_format: Annotated[
        CopyFormat, typer.Option("--format", help="File format of the copies.")
    ] = CopyFormat.flac,
    low_confidence: Annotated[
        bool,
        typer.Option(
            "--low-confidence", help="Silence names and short addresses, too: some are none."
        ),
    ] = False,
    all_channels: Annotated[
        bool,
        typer.Option(
            "--all-channels",
            help="Silence every channel, not only the one that speaks. Recordings whose channels "
            "leak into each other, or carry one sound, are always treated so.",
        ),
    ] = False,
    home: HomeOption = None,
    warehouse_url: WarehouseOption = None,
) -> None:
    """Write copies of recordings in which cards, phones, addresses and codes are silent.

    The archive stays as it is. Sample rate and channels stay. What is silenced is what `pii_spans`
    holds: personal data that was not transcribed, or not recognised, stays audible. Exit status 1
    where a recording could not be copied.
    """
    from callqa_assets.domain.audio.decoding import UnreadableAudio
    from callqa_assets.privacy.redaction import (
        RedactionError,
        find_searched,
        redact,
        require_outside,
        select_recordings,
    )

    if not recordings and day is None:
        raise typer.BadParameter("name recordings or calls, or give --day")
    settings = read_settings(home, warehouse_url)
    require_outside(settings.home, to)
    warehouse = settings.open_warehouse()
    chosen = select_recordings(warehouse, recordings or (), f"{day:%Y-%m-%d}" if day else None)
    searched = find_searched(warehouse, chosen)
    failed = 0
    for recording in chosen:
        name = recording.recording_id
        try:
            if name not in searched:
                raise RedactionError(
                    "its transcripts were not searched for personal data yet; run `callqa run`"
                )
            done = redact(
                warehouse,
                settings.home,
                recording,
                to,
                file_format=file_format.value,
                low_confidence=low_confidence,
                all_channels=all_channels,
            )
        except (RedactionError, UnreadableAudio, FileNotFoundError) as error:
            failed += 1
            _print(f"{name}: not copied: {error}")
            continue
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(done.kinds.items()))
        where = ", on all channels" if done.on_all_channels else ""
        silenced = (
            f"{done.silenced_s:.1f} s silenced{where} ({kinds})" if kinds else "nothing found"
        )
        _print(f"{name}: {silenced}: {done.path}")
    _print(f"{len(chosen) - failed} of {len(chosen)} recordings copied to {to}")
    if failed:
        raise typer.Exit(1)


def _print(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
