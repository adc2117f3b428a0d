from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    ModelIdentity,
    Span,
    SpeechChannel,
    Word,
)
from resources.speech_models.asr.clips import Recognition
from resources.speech_models.asr.funasr_transcriber import (
    FunasrTranscriber,
    FunasrTranscriberConfig,
)
from resources.speech_models.asr.nano import NanoRecognizer
from resources.speech_models.asr.punctuation import CtPunctuator
from resources.speech_models.asr.seaco import PARAFORMER, SeacoRecognizer
from resources.speech_models.asr.sensevoice import SenseVoiceRecognizer
from resources.speech_models.runtime.device import Device
from tests.resources.speech_models.conftest import make_sound

CPU = Device("cpu", "fp32", 1)
FAMILIES = {
    "paraformer": lambda folder: SeacoRecognizer(folder, CPU, "0" * 64, PARAFORMER),
    "seaco": lambda folder: SeacoRecognizer(folder, CPU, "0" * 64),
    "sensevoice": lambda folder: SenseVoiceRecognizer(folder, CPU, "0" * 64),
    "nano": lambda folder: NanoRecognizer(folder, CPU, "0" * 64),
}


@pytest.fixture(scope="module")
def transcribers(tiny):
    punctuator = CtPunctuator(tiny("ct-punc"), CPU, "0" * 64)
    return {
        family: FunasrTranscriber(
            make(tiny(family)),
            FunasrTranscriberConfig(batch_s=8.0),
            CPU,
            punctuator if family in ("paraformer", "seaco") else None,
        )
        for family, make in FAMILIES.items()
    }


@pytest.fixture(scope="module")
def channels():
    """Long, short, silent and tiny segments in one channel, some in a second, none in a third."""
    first = make_sound(14.0)
    first[6 * SAMPLE_RATE_HZ : 8 * SAMPLE_RATE_HZ] = 0
    return [
        SpeechChannel(
            first,
            [Span(0.5, 3.9), Span(4, 4.02), Span(4.021, 5.5), Span(6.5, 7.5), Span(8.3, 13.9)],
            "zh",
        ),
        SpeechChannel(make_sound(9.0), [Span(1, 2.2), Span(3, 8.5)], None, ("客服", "开户流程")),
        SpeechChannel(make_sound(1.0), [], "zh"),
        SpeechChannel(make_sound(0.02), [Span(0, 0.02)], "zh"),
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_segment_gets_its_own_text_whatever_else_is_transcribed(
    family, transcribers, channels
):
    transcriber = transcribers[family]
    together = transcriber.transcribe(channels)
    assert [len(part) for part in together] == [5, 2, 0, 1]
    for order in ([0], [1], [3, 1, 2, 0], [0, 0, 1]):
        for number, part in zip(
            order, transcriber.transcribe([channels[i] for i in order]), strict=True
        ):
            for segment, expected in zip(part, together[number], strict=True):
                assert segment.confidence == pytest.approx(expected.confidence, abs=1e-5)
                assert replace(segment, confidence=0) == replace(expected, confidence=0)
    texts = [segment.text_raw for part in together for segment in part]
    assert texts[-1] == ""  # 20 ms: less than the models can process
    assert len(set(texts)) >= 5


@pytest.mark.parametrize("family", FAMILIES)
def test_two_runs_are_identical(family, transcribers, channels):
    assert transcribers[family].transcribe(channels) == transcribers[family].transcribe(channels)


@pytest.mark.parametrize("family", FAMILIES)
def test_words_ascend_and_lie_around_their_segment(family, transcribers, channels):
    margin_s = FunasrTranscriberConfig().margin_s
    for channel, part in zip(channels, transcribers[family].transcribe(channels), strict=True):
        for span, segment in zip(channel.segments, part, strict=True):
            for word in segment.words:
                assert span.start_s - margin_s - 0.001 <= word.start_s <= word.end_s
                assert word.end_s <= span.end_s + margin_s + 0.001
            assert all(a.start_s <= b.start_s for a, b in pairwise(segment.words))


def test_text_is_punctuated_and_raw_text_is_not(transcribers, channels):
    for part in transcribers["seaco"].transcribe(channels):
        for segment in part:
            bare = "".join(c for c in segment.text if c not in "，。？、,.?")
            assert bare == segment.text_raw
            assert not segment.text_raw or segment.text[-1] in "。？.?"


def test_no_segments_are_no_error(transcribers):
    assert transcribers["seaco"].transcribe([]) == []
    assert transcribers["seaco"].transcribe([SpeechChannel(np.zeros(0, np.float32), [])]) == [[]]


def test_a_segment_longer_than_the_models_accept_is_refused(transcribers):
    channel = SpeechChannel(np.zeros(31 * SAMPLE_RATE_HZ, np.float32), [Span(0, 31)])
    with pytest.raises(ValueError, match="exceeds 30 s"):
        transcribers["seaco"].transcribe([channel])


def test_identity_contains_what_changes_a_text_and_not_how_batches_are_made():
    seaco = SeacoRecognizer.identify("1" * 64, "bf16")
    marks = CtPunctuator.identify("2" * 64, "bf16")
    config = FunasrTranscriberConfig()
    one = FunasrTranscriber.identify(seaco, config, marks)
    assert one == FunasrTranscriber.identify(seaco, replace(config, batch_s=1), marks)
    assert one.takes_hotwords
    others = [
        FunasrTranscriber.identify(seaco, config),
        FunasrTranscriber.identify(seaco, replace(config, margin_s=0), marks),
        FunasrTranscriber.identify(SeacoRecognizer.identify("1" * 64, "fp32"), config, marks),
        FunasrTranscriber.identify(seaco, config, CtPunctuator.identify("3" * 64, "bf16")),
    ]
    assert all(one != other for other in others)


class ScriptedRecognizer:
    """Returns given texts, with hotwords and without; a tiny model would give neither."""

    identity = ModelIdentity("scripted", "0" * 64, {}, takes_hotwords=True)
    has_word_times = True

    def __init__(self, with_hotwords, without):
        self.texts = {True: with_hotwords, False: without}
        self.calls = []

    def batch_key(self, clip):
        return clip.hotwords

    def recognize(self, clips):
        self.calls += [(clip.segment.start_s, bool(clip.hotwords)) for clip in clips]
        return [self._say(clip) for clip in clips]

    def _say(self, clip):
        text = self.texts[bool(clip.hotwords)][int(clip.segment.start_s)]
        step = (clip.end_s - clip.start_s) / max(1, len(text))
        words = [
            Word(c, clip.start_s + n * step, clip.start_s + (n + 1) * step)
            for n, c in enumerate(text)
        ]
        return Recognition("zh", words, 0.9)


def guard(with_hotwords, without, waveform=None):
    """Segments of 1 s, each with the texts given."""
    scripted = ScriptedRecognizer(with_hotwords, without)
    sound = make_sound(len(with_hotwords)) if waveform is None else waveform
    spans = [Span(second, second + 1) for second in range(len(with_hotwords))]
    channel = SpeechChannel(sound, spans, "zh", ("开户流程", "客服"))
    transcriber = FunasrTranscriber(scripted, FunasrTranscriberConfig(margin_s=0), CPU)
    (segments,) = transcriber.transcribe([channel])
    return segments, scripted.calls


def test_a_hotword_that_the_audio_does_not_support_is_marked_and_both_texts_are_kept():
    segments, calls = guard(
        ["请问开户流程", "请问开户流程", "您好", "客服您好开户流程"],
        ["请问开会流程", "请问怎么办", "", "客服您好"],
    )
    assert [list(s.doubtful_hotwords) for s in segments] == [[], ["开户流程"], [], ["开户流程"]]
    assert [s.text_without_hotwords for s in segments] == [None, "请问怎么办", None, "客服您好"]
    assert [s.text_raw for s in segments] == [
        "请问开户流程",
        "请问开户流程",
        "您好",
        "客服您好开户流程",
    ]
    again = sorted(start for start, has_hotwords in calls if not has_hotwords)
    assert again == [0, 1, 3]  # only segments with a hotword in them are decoded again


def test_a_hotword_over_silence_is_marked_even_if_it_is_decoded_again():
    sound = make_sound(1.0)
    sound[: len(sound) // 2] *= 0.001
    segments, _ = guard(["开户流程请问您好"], ["开户流程请问您好"], sound)
    assert segments[0].doubtful_hotwords == ["开户流程"]
    segments, _ = guard(["请问您好开户流程"], ["请问您好开户流程"], sound)
    assert segments[0].doubtful_hotwords == []


def test_a_hotword_outside_the_detected_speech_is_marked():
    scripted = ScriptedRecognizer({0: "客服客服客服您好请问什么"}, {0: "客服客服客服您好请问什么"})
    channel = SpeechChannel(make_sound(3.0), [Span(0.9, 2.9)], "zh", ("客服",))
    transcriber = FunasrTranscriber(scripted, FunasrTranscriberConfig(margin_s=0.5), CPU)
    ((segment,),) = transcriber.transcribe([channel])
    assert segment.doubtful_hotwords == ["客服"]  # the first of them lies in the margin
