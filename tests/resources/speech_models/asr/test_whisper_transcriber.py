from itertools import pairwise

import numpy as np
import pytest

from callqa_assets.domain.audio.decoding import to_16k
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span, SpeechChannel
from resources.speech_models.asr.whisper_transcriber import (
    WhisperTranscriber,
    WhisperTranscriberConfig,
)
from resources.speech_models.runtime.whisper import load_whisper
from resources.speech_models.weights.wheels import ModelFileError
from resources.storage.archive import decode_file


@pytest.fixture(scope="module")
def whisper(models_dir):
    return load_whisper(models_dir, compute_type="int8", threads=2)


@pytest.fixture(scope="module")
def transcriber(whisper):
    return WhisperTranscriber(whisper, WhisperTranscriberConfig())


@pytest.fixture(scope="module")
def english(testdata):
    """Agent and customer, segments by hand."""
    audio = decode_file(testdata / "calls" / "en_support_10s_stereo_16k.flac")
    agent, customer = to_16k(audio.samples, audio.sample_rate_hz)
    return [
        SpeechChannel(agent, [Span(0.5, 2.6), Span(3.3, 5.5)]),
        SpeechChannel(customer, [Span(0.45, 3.5), Span(4.35, 8.4)]),
    ]


@pytest.fixture(scope="module")
def mandarin(testdata):
    audio = decode_file(testdata / "calls" / "zh_agent_sample1_8k.flac")
    (waveform,) = to_16k(audio.samples, audio.sample_rate_hz)
    return SpeechChannel(waveform, [Span(0, len(waveform) / SAMPLE_RATE_HZ)])


def test_missing_weights_are_named_with_their_cure(tmp_path):
    with pytest.raises(ModelFileError, match=r"model\.bin is missing: run `callqa models pull`"):
        load_whisper(tmp_path, compute_type="int8", threads=1)


def test_a_changed_setting_is_another_identity():
    one = WhisperTranscriber.identify(WhisperTranscriberConfig(), "int8")
    assert one == WhisperTranscriber.identify(WhisperTranscriberConfig(), "int8")
    assert one != WhisperTranscriber.identify(WhisperTranscriberConfig(beam_size=5), "int8")
    assert one != WhisperTranscriber.identify(WhisperTranscriberConfig(), "float32")


@pytest.mark.integration
def test_english_is_transcribed_segment_by_segment(transcriber, english):
    agent, customer = transcriber.transcribe(english)
    assert [segment.language for segment in (*agent, *customer)] == ["en"] * 4
    assert agent[0].text == "Thank you for calling support."
    assert agent[1].text == "I'd be happy to help you with that."
    assert customer[0].text == "Hi, I need help with my account."
    assert "account number" in customer[1].text
    assert all(segment.confidence > 0.5 for segment in (*agent, *customer))


@pytest.mark.integration
def test_mandarin_is_detected_and_written_in_simplified_characters(transcriber, mandarin):
    ((segment,),) = transcriber.transcribe([mandarin])
    assert segment.language == "zh"
    assert "感谢您对我们公司的支持和信任" in segment.text
    assert "".join(word.word for word in segment.words) == segment.text


@pytest.mark.integration
def test_words_ascend_and_lie_around_their_segment(transcriber, english, mandarin):
    channels = [*english, mandarin]
    margin_s = WhisperTranscriberConfig().packing.margin_s
    for channel, segments in zip(channels, transcriber.transcribe(channels), strict=True):
        for span, segment in zip(channel.segments, segments, strict=True):
            times = [(word.start_s, word.end_s) for word in segment.words]
            assert times
            assert times[0][0] >= span.start_s - margin_s - 0.001
            assert times[-1][1] <= span.end_s + margin_s + 0.001
            assert all(start <= end for start, end in times)
            assert all(a[1] <= b[0] for a, b in pairwise(times))


@pytest.mark.integration
def test_a_channel_s_text_does_not_depend_on_what_else_is_transcribed(
    transcriber, english, mandarin
):
    alone = [transcriber.transcribe([channel])[0] for channel in (*english, mandarin)]
    together = transcriber.transcribe([mandarin, *english, mandarin, *reversed(english)])
    assert together == [alone[2], alone[0], alone[1], alone[2], alone[1], alone[0]]


@pytest.mark.integration
def test_what_is_no_speech_has_no_text(transcriber):
    rng = np.random.default_rng(0)
    silence = np.zeros(10 * SAMPLE_RATE_HZ, np.float32)
    hiss = rng.normal(0, 0.003, 10 * SAMPLE_RATE_HZ).astype(np.float32)
    for waveform in (silence, hiss):
        spans = [Span(0, 0.05), Span(1, 4), Span(5, 9.99)]
        (segments,) = transcriber.transcribe([SpeechChannel(waveform, spans, "zh")])
        assert [(s.text, s.text_raw, list(s.words), s.confidence) for s in segments] == [
            ("", "", [], 0.0)
        ] * 3


@pytest.mark.integration
def test_no_segments_are_no_error(transcriber, english):
    assert transcriber.transcribe([]) == []
    empty = SpeechChannel(np.zeros(0, np.float32), [])
    assert transcriber.transcribe([empty, english[0]])[0] == []


@pytest.mark.integration
def test_the_longest_segment_and_the_shortest_are_transcribed(transcriber, mandarin):
    waveform = np.tile(mandarin.waveform, 3)
    spans = [Span(0, 30), Span(30, 30.02)]
    (segments,) = transcriber.transcribe([SpeechChannel(waveform, spans, "zh")])
    assert segments[0].text.count("理财计划") >= 2
    assert len(segments) == 2


@pytest.mark.integration
def test_a_distrusted_text_is_decoded_again(whisper, english):
    suspicious = WhisperTranscriber(
        whisper, WhisperTranscriberConfig(compression_ratio_threshold=0)
    )
    (segments,) = suspicious.transcribe([english[0]])
    assert [segment.text for segment in segments] == [
        "Thank you for calling support.",
        "I'd be happy to help you with that.",
    ]


@pytest.mark.integration
def test_an_unknown_language_is_refused_by_name(transcriber, english):
    channel = SpeechChannel(english[0].waveform, english[0].segments, "zh-CN")
    with pytest.raises(ValueError, match="'zh-CN'"):
        transcriber.transcribe([channel])
