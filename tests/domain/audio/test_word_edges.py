"""The outer words of a segment begin and end with their sound, not with the recogniser's guess."""

from __future__ import annotations

import numpy as np
import pytest

from callqa_assets.domain.audio.word_edges import fit_outer_words
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span, Word


def make_sound(*spoken: tuple[float, float], length_s: float = 5.0, noise: float = 1e-3):
    """Noise, and in the given stretches a tone some 40 dB above it."""
    rng = np.random.default_rng(3)
    sound = rng.normal(0, noise, round(length_s * SAMPLE_RATE_HZ)).astype(np.float32)
    for start_s, end_s in spoken:
        start, end = round(start_s * SAMPLE_RATE_HZ), round(end_s * SAMPLE_RATE_HZ)
        sound[start:end] += 0.2 * np.sin(np.arange(end - start) * 0.2).astype(np.float32)
    return sound


def fit(words, sound, segment=(1.0, 4.0)):
    timed = [Word(str(n), *times) for n, times in enumerate(words)]
    return [(w.start_s, w.end_s) for w in fit_outer_words(timed, sound, Span(*segment))]


def test_the_first_word_begins_and_the_last_ends_where_they_are_heard():
    sound = make_sound((1.4, 3.5))
    ((start_s, end_s), *_, last) = fit([(0.8, 1.7), (1.7, 2.5), (2.5, 3.2)], sound)
    assert start_s == pytest.approx(1.4, abs=0.03)
    assert end_s == 1.7
    assert last == (2.5, pytest.approx(3.5, abs=0.03))


def test_a_single_word_has_both_edges():
    ((start_s, end_s),) = fit([(1.0, 2.0)], make_sound((1.4, 2.3)))
    assert (start_s, end_s) == pytest.approx((1.4, 2.3), abs=0.03)


def test_what_sounds_after_a_pause_is_no_longer_the_word():
    """Someone else's voice, or an echo, in the tail of the segment."""
    (word,) = fit([(1.4, 2.0)], make_sound((1.4, 2.1), (2.4, 3.0)))
    assert word == (1.4, pytest.approx(2.1, abs=0.03))


def test_no_word_goes_beyond_its_segment_or_loses_what_the_recogniser_heard():
    (word,) = fit([(1.2, 3.0)], make_sound((1.2, 4.9)))
    assert word == (1.2, pytest.approx(4.0, abs=0.001))
    (word,) = fit([(1.4, 3.0)], make_sound((1.4, 2.0)))
    assert word[1] == 3.0


def test_a_word_of_which_nothing_is_heard_stays_where_it_is():
    assert fit([(1.0, 1.3), (2.0, 3.0)], make_sound((2.0, 3.0)))[0] == (1.0, 1.3)


def test_a_word_keeps_a_length():
    ((start_s, end_s),) = fit([(1.0, 1.5)], make_sound((1.49, 1.5), (3.0, 4.0)))
    assert (start_s, end_s) == (pytest.approx(1.46, abs=0.001), 1.5)


@pytest.mark.parametrize("sound", [make_sound(), make_sound(noise=0.2), make_sound((0.0, 5.0))])
def test_in_even_sound_nothing_moves(sound):
    words = [(0.9, 1.7), (1.7, 3.2)]
    assert fit(words, sound) == words


def test_without_words_there_is_nothing_to_fit():
    assert fit_outer_words([], make_sound(), Span(1.0, 4.0)) == []
    assert fit_outer_words([Word("a", 4.99, 5.0)], make_sound(), Span(4.99, 5.0))[0].end_s == 5.0
