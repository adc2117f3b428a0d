"""`callqa redact`: copies whose personal data is silent, on the channels where it is heard."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf
import sqlalchemy as sa
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.privacy.redaction import RedactionError
from callqa_assets.warehouse import tables
from resources.storage.archive import decode_file
from tests.stages.test_pii import DAY, TellingModels
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.snapshot import read_rows


class ReadingModels(TellingModels):
    """A mobile number and a name on both channels, 0.1 s a character."""

    said = "我叫张伟。电话幺三八零零幺三八零零零谢谢"


@pytest.fixture
def called(home, warehouse, rules):
    """The recording of a call; agent from 0.5 s, customer from 2.5 s."""
    write_call(home.drop, DAY, anger=0.1)
    DirectRun(home, warehouse, rules).run(ReadingModels())
    (recording,) = read_rows(warehouse, tables.recordings)
    return recording


def redact(*arguments):
    return CliRunner().invoke(app, ["redact", *map(str, arguments)], catch_exceptions=False)


def silent_seconds(before, after, channel):
    """The stretches that were silenced, in s, as (start, end)."""
    assert before.samples.shape == after.samples.shape
    changed = np.flatnonzero(before.samples[channel] != after.samples[channel])
    assert not after.samples[channel, changed].any()
    ends = np.flatnonzero(np.diff(changed) > 400)
    starts = [*changed[:1], *changed[ends + 1]]
    stops = [*changed[ends], *changed[-1:]]
    rate = before.sample_rate_hz
    return [(a / rate, b / rate) for a, b in zip(starts, stops, strict=True)]


def decode_both(home, called, path):
    return decode_file(home.root / called["archive_path"]), decode_file(path)


def test_a_number_is_silent_on_the_channel_that_says_it(home, warehouse, called, tmp_path):
    result = redact(called["recording_id"], "--to", tmp_path / "out")
    assert result.exit_code == 0, result.output
    path = tmp_path / "out" / f"{called['recording_id']}.flac"
    before, after = decode_both(home, called, path)
    # Of the agent, who is heard until 2.0 s, characters 7 to 18 and 0.15 s around.
    starts = [row["start_s"] for row in read_rows(warehouse, tables.segments)]
    (agent,) = silent_seconds(before, after, 0)
    assert agent[0] == pytest.approx(starts[0] + 0.7 - 0.15, abs=0.01)
    (customer,) = silent_seconds(before, after, 1)
    assert customer == pytest.approx((starts[1] + 0.55, starts[1] + 1.95), abs=0.01)
    assert "mobile 2" in result.output
    assert "138" not in result.output.replace(str(path), "").replace(called["recording_id"], "")


def test_names_are_silent_on_request(home, called, tmp_path):
    redact(called["recording_id"], "--to", tmp_path, "--low-confidence", "--format", "wav")
    path = tmp_path / f"{called['recording_id']}.wav"
    _, after = decode_both(home, called, path)
    assert sf.info(path).format == "WAV"
    start = int((2.5 + 0.2) * 8_000)
    assert not after.samples[1, start : start + 1_600].any()


@pytest.mark.parametrize("note", ["crosstalk", "dual_mono"])
def test_every_channel_is_silent_where_they_hear_each_other(
    home, warehouse, called, tmp_path, note
):
    with warehouse.write() as connection:
        connection.execute(
            sa.insert(tables.stage_notes).values(
                recording_id=called["recording_id"],
                stage="segments",
                note_no=0,
                day=DAY,
                note=note,
                detail="of the test",
            )
        )
    assert "on all channels" in redact("--day", DAY, "--to", tmp_path).output
    before, after = decode_both(home, called, tmp_path / f"{called['recording_id']}.flac")
    heard = before.samples.any(axis=0) & ~after.samples.any(axis=0)
    for channel in (0, 1):
        assert silent_seconds(before, after, channel)
    assert heard.any()
    mask = np.zeros(before.samples.shape[1], bool)
    for start_s, end_s in silent_seconds(before, after, 1):
        mask[int(start_s * 8_000) : int(end_s * 8_000)] = True
    assert not after.samples[0, mask].any()


def test_a_recording_that_was_not_searched_is_refused(warehouse, called, tmp_path):
    with warehouse.write() as connection:
        runs = tables.stage_runs
        connection.execute(
            sa.update(runs).where(runs.c.stage == "transcripts").values(output_version="f" * 64)
        )
    result = redact(called["recording_id"], "--to", tmp_path)
    assert result.exit_code == 1
    assert "not searched" in result.output
    assert list(tmp_path.glob("*.flac")) == []


def test_copies_never_lie_among_the_recordings(home, called):
    for folder in (home.archive / "x", home.drop, home.quarantine):
        with pytest.raises(RedactionError, match="folder for copies outside"):
            redact("--day", DAY, "--to", folder)


def test_an_unknown_call_is_told(called, tmp_path):
    with pytest.raises(RedactionError, match="recording or call id 'nobody'"):
        redact("nobody", "--to", tmp_path)
