"""Music and tones are found; speech is not taken for them."""

from __future__ import annotations

import numpy as np
import pytest

from callqa_assets.domain.audio import music_and_tones
from callqa_assets.domain.audio.music_and_tones import NonSpeech, find_music_and_tones, subtract
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span
from tests.support.sounds import over_a_line, silence, tone, tune, voice


def seconds_of(kind: str, found: list[NonSpeech]) -> float:
    return sum(item.span.end_s - item.span.start_s for item in found if item.kind == kind)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_a_tune_is_music_from_end_to_end(seed, gain):
    found = find_music_and_tones(over_a_line(gain * tune(12, seed)))
    assert seconds_of("music", found) > 11
    assert seconds_of("tone", found) < 0.5


@pytest.mark.parametrize("seed", range(5))
def test_a_voice_is_neither(seed):
    assert find_music_and_tones(over_a_line(voice(20, seed))) == []


def test_music_ends_where_the_voice_begins():
    found = find_music_and_tones(over_a_line(np.concatenate([tune(10), voice(8), tune(10, 1)])))
    first, second = (item.span for item in found if item.kind == "music")
    assert first.end_s == pytest.approx(10, abs=0.7)
    assert second.start_s == pytest.approx(18, abs=0.7)


def test_a_voice_over_soft_music_is_no_music():
    assert find_music_and_tones(over_a_line(voice(12) + 0.05 * tune(12))) == []


@pytest.mark.parametrize(
    ("lines_hz", "on_s", "off_s"),
    [
        pytest.param((450,), 1.0, 4.0, id="ring-back, China"),
        pytest.param((440, 480), 2.0, 4.0, id="ring-back, North America"),
        pytest.param((450,), 0.35, 0.35, id="busy, China"),
        pytest.param((480, 620), 0.5, 0.5, id="busy, North America"),
        pytest.param((2100,), 3.0, 1.0, id="fax"),
    ],
)
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_each_burst_of_a_tone_is_found_with_its_times(lines_hz, on_s, off_s, gain):
    burst = np.concatenate([tone(*lines_hz, seconds=on_s), silence(off_s)])
    found = find_music_and_tones(over_a_line(gain * np.concatenate([burst, burst, burst])))
    assert [item.kind for item in found] == ["tone"] * 3
    for number, item in enumerate(found):
        start_s = number * (on_s + off_s)
        assert item.span.start_s == pytest.approx(start_s, abs=0.1)
        assert item.span.end_s == pytest.approx(start_s + on_s, abs=0.1)


def test_a_melody_of_pure_notes_is_music():
    rng = np.random.default_rng(0)
    notes_hz = 300 * 2 ** (rng.integers(0, 12, 40) / 12)
    melody = np.concatenate([tone(hz, seconds=0.35) for hz in notes_hz])
    found = find_music_and_tones(over_a_line(melody))
    assert seconds_of("music", found) > 12
    assert seconds_of("tone", found) < 1


def test_silence_and_clips_shorter_than_a_frame_hold_nothing():
    assert find_music_and_tones(silence(0)) == []
    assert find_music_and_tones(silence(0.1)) == []
    assert find_music_and_tones(silence(10)) == []
    assert find_music_and_tones(1e-4 * tune(10)) == []


def test_pieces_are_computed_as_the_whole(monkeypatch):
    waveform = over_a_line(np.concatenate([tune(6), voice(3), tone(450, seconds=1), voice(2)]))
    whole = find_music_and_tones(waveform)
    monkeypatch.setattr(music_and_tones, "_PIECE_FRAMES", 50)
    assert find_music_and_tones(waveform) == whole


def test_found_sounds_ascend_and_lie_inside_the_waveform():
    waveform = over_a_line(np.concatenate([tone(450, 600, seconds=1), tone(1000, seconds=1)]))
    found = find_music_and_tones(waveform)
    edges_s = [t for item in found for t in (item.span.start_s, item.span.end_s)]
    assert edges_s == sorted(edges_s)
    assert edges_s[0] >= 0
    assert edges_s[-1] <= len(waveform) / SAMPLE_RATE_HZ


def test_holes_are_subtracted():
    holes = [Span(0, 1), Span(2, 3), Span(4, 6)]
    assert subtract(Span(0.5, 5), holes) == [Span(1, 2), Span(3, 4)]
    assert subtract(Span(7, 8), holes) == [Span(7, 8)]
    assert subtract(Span(4.5, 5.5), holes) == []
