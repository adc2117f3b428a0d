"""The hotword guard: finds hotwords in a clip's text that the audio does not support.

A clip whose text contains a hotword is decoded again without hotwords. The hotword is doubtful
where that text has too little of it, or where its interval is silent.
"""

from __future__ import annotations

from callqa_assets.domain.audio.segments import level_dbfs
from callqa_assets.domain.speech import Span
from callqa_assets.domain.text.hotwords import GuardConfig, find_hotwords, share_of_difference
from resources.speech_models.asr.clips import Clip, Recognition


def holds_hotword(clip: Clip, recognized: Recognition) -> bool:
    return any(True for _ in find_hotwords(recognized.text, clip.hotwords))


def find_doubtful(
    clip: Clip,
    recognized: Recognition,
    without: Recognition,
    config: GuardConfig,
    *,
    has_word_times: bool,
) -> list[str]:
    """The doubtful hotwords of `recognized`, in the list's order, each once.

    `without` is the result for the same clip without hotwords. Silence is checked only with word
    times that the model measured.
    """
    doubtful = [
        hotword
        for hotword, start, end in find_hotwords(recognized.text, clip.hotwords)
        if share_of_difference(recognized.text, start, end, without.text) > config.max_difference
        or (has_word_times and _is_silent(clip, _place(recognized, start, end), config))
    ]
    return list(dict.fromkeys(doubtful))


def _place(recognized: Recognition, start: int, end: int) -> Span:
    """The interval of characters start..end of the text, in the channel's time."""
    written = "".join(word.word for word in recognized.words)
    position = len(written.lstrip()) - len(written)  # the text begins behind its first space
    times: list[Span] = []
    for word in recognized.words:
        if position < end and position + len(word.word) > start:
            times.append(Span(word.start_s, word.end_s))
        position += len(word.word)
    return Span(times[0].start_s, times[-1].end_s)


def _is_silent(clip: Clip, place: Span, config: GuardConfig) -> bool:
    """Whether an interval lies outside the detected speech, or is much softer than the segment."""
    if place.end_s <= clip.segment.start_s or place.start_s >= clip.segment.end_s:
        return True
    softer_db = _level(clip, clip.segment) - _level(clip, place)
    return softer_db > config.silence_below_db


def _level(clip: Clip, span: Span) -> float:
    return level_dbfs(clip.samples, Span(span.start_s - clip.start_s, span.end_s - clip.start_s))
