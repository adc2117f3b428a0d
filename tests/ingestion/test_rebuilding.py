"""A lost warehouse: nothing works on beside a full archive; `rebuild` makes the same rows again."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from callqa_assets.ingestion.rebuilding import rebuild
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.dirty_days import read_dirty_days
from callqa_assets.warehouse.tables import metadata
from resources.storage.home import HomeError
from tests.support.calls import write_call
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows, read_snapshot

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


def lose_rows(warehouse) -> None:
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.recordings).values(duplicate_of=None))
        if warehouse.is_sqlite:
            connection.execute(sa.text("DELETE FROM transcript_fts"))
        for table in reversed(metadata.sorted_tables):
            if table not in (*tables.DIMENSIONS, tables.mart_columns):  # a new database has these
                connection.execute(sa.delete(table))


def audio_rows(warehouse) -> list[dict[str, Any]]:
    """Rows of `intake`, but those of metadata files."""
    found = [row for row in read_rows(warehouse, tables.intake) if row["kind"] == "audio"]
    return sorted(found, key=lambda row: row["source_path"])


def deliver_all_kinds(drop) -> None:
    """Good calls in two days, a duplicate, a quarantined file, a sidecar, a folder."""
    first = write_call(drop, DAY, "1001", seed=1)
    write_call(drop, DAY, "1002", seed=2)
    write_call(drop, "2025-03-15", "1003", seed=3)
    for number in range(4):  # some lie before the original in the archive, some behind it
        (drop / f"{number} duplicate.wav").write_bytes(first.read_bytes())
    (drop / "broken.wav").write_bytes(b"no sound at all")
    first.with_suffix(".json").write_text(
        json.dumps({"agent_id": "8001", "started_at": "2025-03-14T10:00:00+08:00", "票": "T-1"})
    )
    other = write_call(drop / "sub", DAY, "1004", seed=4)
    other.rename(other.parent.joinpath("通话").with_suffix(".wav"))


@pytest.mark.parametrize("copy", [False, True], ids=["moved", "copied"])
def test_rebuild_and_a_run_give_the_rows_of_before_the_loss(home, warehouse, direct, copy):
    deliver_all_kinds(home.drop)
    direct.run(FakeModels(), copy=copy)
    before, files = read_snapshot(warehouse), audio_rows(warehouse)
    statuses = {row["status"] for row in read_rows(warehouse, tables.recordings)}
    assert statuses == {"ok", "duplicate", "quarantined"}

    lose_rows(warehouse)
    report = rebuild(warehouse, home)
    assert (report.restored, report.known, report.problems) == (9, 0, [])
    assert audio_rows(warehouse) == files
    with warehouse.read() as connection:
        assert DAY in read_dirty_days(connection)
    direct.run(FakeModels(), copy=copy)
    assert read_snapshot(warehouse) == {
        **before,
        "dirty_days": read_snapshot(warehouse)["dirty_days"],
    }


def test_what_came_late_is_in_the_record_after_the_next_run(home, warehouse, direct):
    call = write_call(home.drop, DAY, "1001")
    direct.run(FakeModels())
    call.with_suffix(".json").write_text(json.dumps({"agent_id": "8001"}))
    direct.run(FakeModels())
    lose_rows(warehouse)
    rebuild(warehouse, home)
    (row,) = read_rows(warehouse, tables.recordings)
    assert row["agent_id"] == "8001"


def test_rows_that_are_there_stay_and_only_the_others_are_made(home, warehouse, direct):
    write_call(home.drop, DAY, "1001", seed=1)
    write_call(home.drop, DAY, "1002", seed=2)
    direct.ingest_all()
    lost = read_rows(warehouse, tables.recordings)[0]["recording_id"]
    with warehouse.write() as connection:
        for table in (tables.intake, tables.recordings):
            connection.execute(sa.delete(table).where(table.c.recording_id == lost))
    report = rebuild(warehouse, home)
    assert (report.restored, report.known) == (1, 1)
    assert rebuild(warehouse, home).restored == 0
    assert len(read_rows(warehouse, tables.intake)) == 2


def test_a_damaged_missing_or_lonely_record_is_told_and_the_others_are_restored(
    home, warehouse, direct
):
    for seed in range(4):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.ingest_all()
    damaged, missing, lonely, good = sorted(home.archive.glob("*/*.record.json"))
    damaged.write_text('{"format": 1')
    missing.unlink()
    audio = lonely.with_name(lonely.name.replace(".record.json", ".wav"))
    audio.unlink()
    lose_rows(warehouse)
    report = rebuild(warehouse, home)
    (row,) = read_rows(warehouse, tables.recordings)
    assert good.name.startswith(row["recording_id"])
    told = "\n".join(report.problems)
    assert damaged.name in told
    assert missing.name.replace(".record.json", ".wav") in told
    assert audio.name in told
    assert "13800138000" not in told


def test_a_run_beside_a_full_archive_and_an_emptied_warehouse_says_what_to_do(
    home, warehouse, direct
):
    write_call(home.drop, DAY, "1001")
    direct.ingest_all()
    lose_rows(warehouse)
    write_call(home.drop, DAY, "1002", seed=2)
    direct.scan()
    with pytest.raises(HomeError, match="callqa rebuild"):
        direct.ingest(DAY)


def test_a_record_that_was_never_written_is_written_by_the_next_run_of_its_day(
    home, warehouse, direct
):
    write_call(home.drop, DAY, "1001")
    direct.ingest_all()
    (record,) = home.archive.glob("*/*.record.json")
    record.unlink()
    with warehouse.write() as connection:  # as in a home of before there were records
        connection.execute(sa.update(tables.intake).values(is_recorded=False))
    direct.ingest(DAY)
    assert record.is_file()
