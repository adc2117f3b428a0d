import logging
import random
from itertools import pairwise

import numpy as np
import pytest

from callqa_assets.domain.audio import decode_audio, to_16k
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span
from resources.speech_models.compact.detector import FsmnVad, VadConfig
from resources.speech_models.model_files import ModelFileError


@pytest.fixture(scope="module")
def detector(models_dir):
    return FsmnVad(models_dir, config=VadConfig(), threads=1)


@pytest.fixture(scope="module")
def call(testdata):
    audio = decode_audio(testdata / "calls" / "en_support_10s_stereo_16k.flac")
    return to_16k(audio.samples, audio.sample_rate_hz)


def test_missing_weights_are_named_with_their_cure(tmp_path):
    with pytest.raises(ModelFileError, match=r"model\.pt is missing: run `callqa models pull`"):
        FsmnVad(tmp_path, config=VadConfig(), threads=1)


def test_a_changed_threshold_is_another_identity():
    assert FsmnVad.identify(VadConfig()) == FsmnVad.identify(VadConfig())
    assert FsmnVad.identify(VadConfig()) != FsmnVad.identify(VadConfig(max_end_silence_ms=500))


@pytest.mark.integration
def test_loading_leaves_the_process_as_it_found_it(models_dir):
    random.seed(7)
    np.random.seed(7)
    expected = random.Random(7).random(), np.random.RandomState(7).random()  # noqa: S311
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    FsmnVad(models_dir, config=VadConfig(), threads=1)
    assert (random.random(), np.random.random()) == expected  # noqa: S311
    assert (root.level, root.handlers) == (level, handlers)


@pytest.mark.integration
def test_segments_are_inside_the_recording_ascending_and_disjoint(detector, call):
    for waveform, spans in zip(call, detector.detect(call), strict=True):
        assert spans
        assert spans[0].start_s >= 0
        assert spans[-1].end_s <= len(waveform) / SAMPLE_RATE_HZ
        assert all(span.end_s > span.start_s for span in spans)
        assert all(a.end_s <= b.start_s for a, b in pairwise(spans))


@pytest.mark.integration
def test_a_channel_s_segments_do_not_depend_on_its_neighbours(detector, call):
    together = detector.detect([call[0], np.zeros(10, np.float32), call[1], call[0]])
    assert together == [*detector.detect([call[0]]), [], *detector.detect([call[1]]), together[0]]


@pytest.mark.integration
@pytest.mark.parametrize("samples", [0, 1, 399, 400, 1599, 16_000, 960_000, 960_001])
def test_silence_of_any_length_has_no_speech(detector, samples):
    assert detector.detect([np.zeros(samples, np.float32)]) == [[]]


@pytest.mark.integration
def test_noise_has_no_speech(detector):
    noise = np.random.default_rng(0).normal(0, 0.01, 10 * SAMPLE_RATE_HZ).astype(np.float32)
    assert detector.detect([noise]) == [[]]


@pytest.mark.integration
def test_speech_without_a_pause_is_split_and_none_of_it_lost(detector, call):
    spoken = call[1][round(4.5 * SAMPLE_RATE_HZ) : round(8.2 * SAMPLE_RATE_HZ)]
    (spans,) = detector.detect([np.tile(spoken, 25)])
    assert all(span.end_s - span.start_s <= 30 for span in spans)
    assert sum(span.end_s - span.start_s for span in spans) > 80
    assert any(a.end_s == b.start_s for a, b in pairwise(spans))


@pytest.mark.integration
def test_a_pause_of_800_ms_ends_a_segment_at_any_time_of_a_long_call(detector, call):
    word = call[0][round(0.5 * SAMPLE_RATE_HZ) : round(2.6 * SAMPLE_RATE_HZ)]
    turn = np.concatenate([word, np.zeros(round(1.5 * SAMPLE_RATE_HZ), np.float32)])
    (spans,) = detector.detect([np.tile(turn, 30)])
    assert len(spans) == 30
    assert isinstance(spans[0], Span)


@pytest.mark.integration
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_sound_are_refused_by_number(detector, call, bad):
    broken = call[1].copy()
    broken[100] = bad
    with pytest.raises(ValueError, match="waveform 1 "):
        detector.detect([call[0], broken])
