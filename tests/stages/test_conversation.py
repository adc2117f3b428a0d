"""What the stage stores of calls, from recordings to rows; and what it makes of real ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from benchmarks.accuracy.conversation import (
    REAL_CALL,
    find_delays,
    join_turns,
    measure,
    read_truth,
)
from callqa_assets.domain.speech import Word
from callqa_assets.warehouse import tables
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

DAY = "2025-03-14"


class TimedModels(FakeModels):
    """Says 您好请问 in the first second of every segment, or within its length."""

    def transcribe(self, channels):
        return [
            [
                replace(
                    said,
                    text="您好请问",
                    text_raw="您好请问",
                    words=[Word("您好请问", span.start_s, min(span.start_s + 1.0, span.end_s))],
                )
                for span, said in zip(channel.segments, found, strict=True)
            ]
            for channel, found in zip(channels, super().transcribe(channels), strict=True)
        ]


@pytest.fixture
def direct(home, warehouse, rules) -> DirectRun:
    return DirectRun(home, warehouse, rules)


@pytest.mark.both_engines
def test_a_call_has_a_row_one_for_each_channel_and_four_quarters_for_each(direct, home, warehouse):
    """The agent's segment is 0.5–2 s, the customer's 2.5–5.5 s; each speaks for 1 s."""
    write_call(home.drop, DAY, anger=0.2)
    direct.run(TimedModels())
    (call,) = read_rows(warehouse, tables.call_metrics)
    assert (call["day"], call["time_basis"]) == (DAY, "words")
    assert (call["conversation_start_s"], call["conversation_end_s"]) == (0.5, 3.5)
    assert (call["conversation_s"], call["silence_s"], call["overlap_s"]) == (3.0, 1.0, 0.0)
    assert (call["turns"], call["response_delays"], call["hold_s"]) == (2, 0, None)
    channels = read_rows(warehouse, tables.call_channel_metrics)
    found = {row["role"]: (row["channel"], row["talk_s"], row["turns"]) for row in channels}
    assert found == {"agent": (0, 1.0, 1), "customer": (1, 1.0, 1)}
    quarters = read_rows(warehouse, tables.call_quarters)
    assert sorted((row["channel"], row["quarter"]) for row in quarters) == [
        (channel, quarter) for channel in (0, 1) for quarter in (1, 2, 3, 4)
    ]


def test_one_sound_on_both_channels_is_one_mixed_channel(direct, home, warehouse):
    path = write_call(home.drop, DAY)
    sound, rate_hz = sf.read(path)
    sf.write(path, np.tile(sound.sum(axis=1, keepdims=True), 2), rate_hz, subtype="PCM_16")
    direct.run(TimedModels())
    (channel,) = read_rows(warehouse, tables.call_channel_metrics)
    assert channel["role"] == "mixed"
    assert channel["interruptions"] is channel["backchannels"] is None
    (call,) = read_rows(warehouse, tables.call_metrics)
    assert call["overlap_s"] is call["talk_balance"] is None
    assert call["conversation_s"] == 3.0


@pytest.mark.parametrize(
    ("holds", "hold_s"),
    [([[1.75, 2.25]], 0.5), ([], 0.0), ("yes", None), ([[3]], None)],
)
def test_holds_of_the_sidecar_are_no_silence(direct, home, warehouse, holds, hold_s):
    path = write_call(home.drop, DAY)
    Path(f"{path}.json").write_text(json.dumps({"holds": holds}))
    direct.run(TimedModels())
    (call,) = read_rows(warehouse, tables.call_metrics)
    assert (call["hold_s"], call["silence_s"]) == (hold_s, 1.0 - (hold_s or 0.0))


def test_words_without_times_are_unheard(direct, home, warehouse):
    class UntimedModels(FakeModels):
        def transcribe(self, channels):
            return [
                [replace(said, words=[]) for said in found]
                for found in super().transcribe(channels)
            ]

    write_call(home.drop, DAY)
    direct.run(UntimedModels())
    (call,) = read_rows(warehouse, tables.call_metrics)
    assert (call["conversation_start_s"], call["unheard_s"]) == (None, 4.5)


@pytest.fixture(scope="module")
def measured(testdata, models_dir, tmp_path_factory):
    files = [testdata / "calls" / name for name in (REAL_CALL, *read_truth(testdata))]
    return measure(files, models_dir, tmp_path_factory.mktemp("conversation"))


@pytest.mark.integration
def test_by_words_people_who_take_turns_do_not_overlap_on_a_real_call(measured):
    real = measured[REAL_CALL]
    assert real.call["overlap_s"] <= 0.5
    assert real.on_segments["overlap_s"] > 10
    assert real.by_role["agent"]["interruptions"] <= 1
    assert real.call["silence_s"] > 2 * real.on_segments["silence_s"]


@pytest.mark.integration
def test_turns_of_assembled_calls_follow_each_other_as_in_their_truth(measured, testdata):
    for name, truth in read_truth(testdata).items():
        roles = [turn.role for turn in join_turns(measured[name].turns)]
        assert roles == [turn.role for turn in truth], name


@pytest.mark.integration
def test_turns_begin_and_end_where_the_speakers_are_heard(measured, testdata):
    """Clips with noise have no audible edge: half of the differences may be larger."""
    for name, truth in read_truth(testdata, only_audible=True).items():
        own = join_turns(measured[name].turns)
        starts = [abs(a.start_s - b.start_s) for a, b in zip(own, truth, strict=True)]
        ends = [abs(a.end_s - b.end_s) for a, b in zip(own, truth, strict=True)]
        delays = zip(find_delays(own), find_delays(truth), strict=True)
        assert np.median(starts) <= 0.1, name
        assert np.median(ends) <= 0.1, name
        assert np.median([abs(a - b) for a, b in delays]) <= 0.25, name
