"""Sure parts of a call decide its language, the unsure follow; a change of language is found."""

from __future__ import annotations

import pytest

from resources.speech_models.asr.spoken_language import (
    LanguageConfig,
    Part,
    decide,
    find_improbable,
    find_stretches,
)

CONFIG = LanguageConfig()
MUSIC = Part(12.0, {"en": 0.4, "jw": 0.11, "zh": 0.05})
CHINESE = Part(4.0, {"zh": 0.99, "en": 0.01})
ENGLISH = Part(4.0, {"en": 0.97, "cy": 0.02})
EN, ZH = {"en": 0.96, "zh": 0.02}, {"zh": 0.98, "en": 0.01}
UNCLEAR = {"sw": 0.3, "en": 0.25, "zh": 0.2}


def test_much_music_does_not_outvote_a_few_seconds_of_speech():
    channel = [MUSIC, MUSIC, CHINESE]
    assert decide(channel, channel, CONFIG) == ("zh", False)


def test_a_channel_that_is_not_sure_follows_the_other_of_its_call():
    assert decide([MUSIC], [MUSIC, ENGLISH], CONFIG) == ("en", False)


def test_two_channels_that_are_sure_keep_their_languages():
    call = [CHINESE, CHINESE, ENGLISH]
    assert decide([ENGLISH], call, CONFIG) == ("en", False)
    assert decide([CHINESE, CHINESE], call, CONFIG) == ("zh", False)


def test_where_nothing_is_likely_the_default_is_taken_and_called_doubtful():
    assert decide([MUSIC], [MUSIC], CONFIG) == ("zh", True)
    assert decide([MUSIC], [MUSIC], LanguageConfig(default="ja")) == ("ja", True)
    assert decide([MUSIC], [MUSIC], LanguageConfig(default=None)) == ("en", True)


def test_a_likely_language_wins_over_the_default_and_is_called_doubtful():
    likely = Part(8.0, {"en": 0.63, "cy": 0.11})
    assert decide([likely], [likely], CONFIG) == ("en", True)


@pytest.mark.parametrize(("seconds", "probability"), [(1.9, 0.99), (5.0, 0.89)])
def test_a_short_or_unsure_part_does_not_speak_for_itself(seconds, probability):
    assert Part(seconds, {"en": probability}).sure_of(CONFIG) is None
    assert Part(2.0, {"en": 0.9}).sure_of(CONFIG) == "en"


def test_a_change_of_language_is_found_where_it_is():
    windows = [EN, EN, EN, UNCLEAR, UNCLEAR, EN, ZH, ZH, ZH, ZH]
    assert find_stretches(windows, CONFIG) == [(0, 6, "en"), (6, 10, "zh")]
    there_and_back = [ZH] * 6 + [EN] * 6 + [ZH] * 6
    assert find_stretches(there_and_back, CONFIG) == [
        (0, 6, "zh"),
        (6, 12, "en"),
        (12, 18, "zh"),
    ]


@pytest.mark.parametrize("windows", [[], [UNCLEAR] * 9, [ZH] * 9, [ZH, ZH, ZH, EN, ZH, ZH]])
def test_one_language_is_not_cut(windows):
    assert find_stretches(windows, CONFIG) == []


def test_a_stretch_in_which_the_language_is_improbable_is_found():
    strange = {"haw": 0.3, "zh": 0.05}
    assert find_improbable([ZH, ZH, strange, strange, strange, ZH], "zh", CONFIG) == [(2, 5)]
    assert find_improbable([ZH, strange, strange, ZH], "zh", CONFIG) == []
