"""After `callqa run` a person knows what failed, was left out, was guessed or is doubtful."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable

import dagster as dg
import pytest
from rich.console import Console

from callqa_assets.cli.headless import process_drop_folder
from callqa_assets.cli.run_report import RunReport, read_report
from callqa_assets.cli.terminal_report import print_report
from callqa_assets.stages.registry import STAGE_NAMES
from resources.settings import Settings
from resources.storage.home import Home
from tests.support.calls import write_call
from tests.support.fake_models import FakeModels

DAY = "2025-03-14"
PHONE = "13800138000"

pytestmark = pytest.mark.integration


@pytest.fixture
def report(dagster_home: Home, rules, warehouse, monkeypatch) -> Callable[[], RunReport]:
    monkeypatch.setenv("CALLQA_RULES", str(rules))

    def run() -> RunReport:
        result = process_drop_folder(
            Settings.from_environment(),
            lambda *_: None,
            copy=False,
            resource_overrides={
                "speech_models": dg.ResourceDefinition.hardcoded_resource(FakeModels())
            },
            log_level="CRITICAL",
        )
        return read_report(result, warehouse)

    return run


def printed(report: RunReport) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_report(console, report)
    return console.file.getvalue()


def test_a_day_on_which_all_is_well_has_nothing_to_tell(home, report):
    write_call(home.drop, DAY, anger=0.2)
    found = report()
    assert not found.has_failures
    assert [(day.day, day.recordings, day.quarantined) for day in found.days] == [(DAY, 1, 0)]
    assert found.computed == dict.fromkeys(STAGE_NAMES, 1)
    assert (found.quarantined, found.problems, found.guessed_dates) == ([], [], {})
    assert "quarantined by this run" not in printed(found)


def test_what_failed_was_guessed_or_is_doubtful_is_named_without_phone_numbers(home, report):
    write_call(home.drop, DAY, anger=0.2)
    write_call(home.drop, DAY, name="undated.wav", seed=5)
    (home.drop / f"20250314-100000_1001_{PHONE}.wav").write_bytes(b"no sound" * 99)
    (home.drop / "undated.json").write_text("[1, 2]")
    (home.drop / "manifest.csv").write_text("file,line\nnobody.wav,400\n")
    os.mkfifo(home.drop / "pipe.wav")
    found = report()
    assert found.has_failures
    (junk,) = found.quarantined
    assert junk.reason.startswith("not audio")
    assert sum(found.guessed_dates.values()) == 1
    assert found.left_out == 1
    assert any("pipe.wav" in note for note in found.scan_notes)
    assert any("match no recording" in note for note in found.scan_notes)
    assert [note.reason for note in found.metadata_notes] == [
        "the sidecar is a list, not one JSON object {…}: not used"
    ]
    checks = {check.check: check.severity for check in found.failed_checks}
    assert checks["quarantine_share"] == "WARN"
    text = printed(found)
    for title in ("quarantined by this run", "facts of calls", "recordings dated only by"):
        assert title in text
    assert PHONE not in text
    assert PHONE not in json.dumps(found.to_json())


def test_a_second_run_blames_nothing_on_what_it_did_not_touch(home, report):
    (home.drop / "junk.wav").write_bytes(b"no sound" * 99)
    assert report().has_failures
    assert not report().has_failures


def test_a_long_list_is_cut_and_says_so(home, report):
    for number in range(13):
        (home.drop / f"junk{number}.wav").write_bytes(f"no sound {number}".encode() * 99)
    found = report()
    assert len(found.quarantined) == 13
    assert "and 3 more; --json has all" in printed(found)


def test_a_note_that_looks_like_markup_is_printed_as_it_is(home, report):
    (home.drop / "[red]junk[.wav").write_bytes(b"no sound" * 99)
    assert "[red]junk[.wav" in printed(report())
