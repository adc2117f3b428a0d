"""Detected segments are cut where music, a tone or crosstalk begins; speech is never dropped."""

from __future__ import annotations

import numpy as np
import pytest

from callqa_assets.domain.audio.music_and_tones import NonSpeech
from callqa_assets.domain.audio.segment_kinds import sort_sounds
from callqa_assets.domain.speech import Span
from tests.support.sounds import silence, tone, tune, voice

NO_CROSSTALK = np.zeros(0, bool)


def sort(waveform, speech, sounds=(), crosstalk=NO_CROSSTALK):
    return [
        (item.kind, round(item.span.start_s, 3), round(item.span.end_s, 3))
        for item in sort_sounds(waveform, speech, sounds, crosstalk)
    ]


def test_speech_alone_stays_as_it_was_detected():
    assert sort(voice(5), [Span(0.1, 2), Span(2.2, 5)]) == [("speech", 0.1, 2), ("speech", 2.2, 5)]


def test_speech_behind_music_in_one_segment_is_kept_with_a_margin():
    waveform = np.concatenate([tune(10), voice(5)])
    found = sort(waveform, [Span(2, 15)], [NonSpeech("music", Span(0, 10.2))])
    assert found == [("music", 0, 9.6), ("speech", 9.6, 15)]


def test_speech_between_two_pieces_of_music_keeps_both_margins():
    waveform = np.concatenate([tune(10), voice(5), tune(10)])
    sounds = [NonSpeech("music", Span(0, 10)), NonSpeech("music", Span(15, 25))]
    found = sort(waveform, [Span(9, 16)], sounds)
    assert found == [("music", 0, 9.4), ("speech", 9.4, 15.6), ("music", 15.6, 25)]


def test_a_word_behind_a_ring_is_kept():
    waveform = np.concatenate([tone(450, seconds=1), voice(0.6, 3)])
    found = sort(waveform, [Span(0, 1.6)], [NonSpeech("tone", Span(0, 1))])
    assert found == [("tone", 0, 1), ("speech", 1, 1.6)]


def test_what_the_detector_adds_behind_a_ring_is_dropped():
    rng = np.random.default_rng(0)
    waveform = np.concatenate([tone(450, seconds=1), silence(1)])
    waveform += (3e-3 * rng.standard_normal(len(waveform))).astype(np.float32)
    found = sort(waveform, [Span(0, 1.6)], [NonSpeech("tone", Span(0, 1))])
    assert found == [("tone", 0, 1)]


def test_long_music_is_divided_evenly():
    found = sort(tune(70), [], [NonSpeech("music", Span(0, 70))])
    assert [kind for kind, _, _ in found] == ["music"] * 3
    assert all(end_s - start_s == pytest.approx(70 / 3, abs=1e-3) for _, start_s, end_s in found)


def test_crosstalk_is_cut_off_where_own_speech_begins():
    leaked = np.array([True] * 8 + [False] * 10)  # 0.256 s each, centred from 0.256 s on
    found = sort(voice(5), [Span(0.5, 4)], crosstalk=leaked)
    assert found == [("crosstalk", 0.5, 2.176), ("speech", 2.176, 4)]


def test_a_splinter_of_crosstalk_is_not_speech():
    leaked = np.array([True] * 8 + [False] * 10)
    assert sort(voice(5), [Span(0.5, 2.3)], crosstalk=leaked) == [("crosstalk", 0.5, 2.3)]
