"""What one scan of the drop folder means, against the scans before it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callqa_assets.domain.calls.files import DropFile, kind_of
from callqa_assets.ingestion.discovery import plan_listing
from callqa_assets.warehouse.files import KnownFile

NOW = datetime(2025, 3, 14, 10, tzinfo=UTC)
SETTLE = timedelta(seconds=20)
LONG_AGO, JUST_NOW = NOW - timedelta(seconds=20), NOW - timedelta(seconds=19)


def file(name: str = "call.wav", size: int = 100, mtime_ns: int = 1) -> DropFile:
    return DropFile(b"/drop/" + name.encode(), name.encode(), size, mtime_ns)


def known(*files: DropFile, state: str = "seen", since: datetime = LONG_AGO):
    return {f.key: KnownFile(state, since) for f in files}


def plan(files, before=None, settle=SETTLE):
    return plan_listing(files, before or {}, now=NOW, settle=settle)


def test_a_file_settles_at_the_second_scan_that_finds_it_unchanged():
    first = plan([file()])
    assert (first.first_seen, first.settled, first.waiting) == ([file()], [], [file()])
    assert plan([file()], known(file(), since=JUST_NOW)).settled == []
    assert plan([file()], known(file())).settled == [file()]


def test_a_file_that_grows_or_is_touched_starts_again():
    for changed in (file(size=200), file(mtime_ns=2)):
        found = plan([changed], known(file()))
        assert found.replaced == [file().key]
        assert (found.first_seen, found.settled, found.gone) == ([changed], [], [])


@pytest.mark.parametrize("state", ["seen", "stable"])
def test_a_file_that_vanished_before_it_was_archived_is_gone(state):
    assert plan([], known(file(), state=state)).gone == [file().key]


@pytest.mark.parametrize("state", ["moving", "ingested", "copied", "applied", "gone", "replaced"])
def test_a_file_that_is_no_longer_awaited_may_be_away(state):
    found = plan([], known(file(), state=state))
    assert (found.gone, found.replaced) == ([], [])


@pytest.mark.parametrize("state", ["gone", "replaced", "ingested"])
def test_a_file_that_came_back_must_settle_again(state):
    found = plan([file()], known(file(), state=state))
    assert (found.reopened, found.first_seen, found.settled) == ([file().key], [], [])
    assert found.waiting == [file()]


@pytest.mark.parametrize("state", ["stable", "moving", "copied", "applied"])
def test_a_file_that_is_being_archived_or_was_copied_is_left_alone(state):
    found = plan([file()], known(file(), state=state))
    assert (found.first_seen, found.settled, found.reopened, found.waiting) == ([], [], [], [])


@pytest.mark.parametrize("sidecar", ["call.wav.json", "call.json", "call.JSON"])
def test_a_recording_waits_for_its_sidecar_to_settle(sidecar):
    held = plan([file(), file(sidecar)], known(file()))
    assert (held.settled, set(held.waiting)) == ([], {file(), file(sidecar)})
    both = known(file(), file(sidecar))
    assert plan([file(), file(sidecar)], both).settled == [file(), file(sidecar)]


def test_a_recording_does_not_wait_for_anothers_sidecar():
    assert plan([file(), file("other.json")], known(file())).settled == [file()]


def test_without_a_settling_time_every_file_counts_at_its_first_scan():
    files = [file(), file("call.json"), file("manifest.csv")]
    found = plan(files, settle=timedelta(0))
    assert (found.settled, found.waiting) == (files, [])


def test_the_kind_of_a_file_follows_from_its_name():
    assert [
        kind_of(n) for n in ("a.wav", "a.json", "a.JSON", "manifest.csv", "x/b.manifest.csv")
    ] == [
        "audio",
        "sidecar",
        "sidecar",
        "manifest",
        "manifest",
    ]
    assert kind_of("calls.csv") == "audio"  # quarantined later, with its reason: nothing is ignored
