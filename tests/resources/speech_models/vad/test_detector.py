import logging
import random
from itertools import pairwise

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from callqa_assets.domain.audio.decoding import to_16k
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span
from resources.speech_models.runtime.filter_banks import FrontendError
from resources.speech_models.runtime.funasr_loading import process_as_found
from resources.speech_models.vad.detector import FsmnVad, VadConfig
from resources.speech_models.vad.fsmn_vad import SegmentRules, SilenceScorer, find_segments_ms
from resources.speech_models.weights.hub import HubModel
from resources.speech_models.weights.wheels import ModelFileError
from resources.storage.archive import decode_file
from tests.resources.speech_models.conftest import LAYOUTS
from tests.support.tiny_checkpoints import build_tiny


@pytest.fixture(scope="module")
def detector(models_dir):
    return FsmnVad(models_dir, config=VadConfig(), threads=1)


@pytest.fixture(scope="module")
def call(testdata):
    audio = decode_file(testdata / "calls" / "en_support_10s_stereo_16k.flac")
    return to_16k(audio.samples, audio.sample_rate_hz)


@pytest.fixture(scope="module")
def funasr_model(models_dir):
    """The same weights with funasr's own inference: the reference for our segments."""
    with process_as_found():
        from funasr import AutoModel

        return AutoModel(
            model=str(models_dir / "fsmn-vad"),
            device="cpu",
            ncpu=1,
            disable_update=True,
            disable_pbar=True,
            log_level="ERROR",
            max_single_segment_time=24 * 3_600_000,
        )


@pytest.fixture(scope="module")
def scorer(funasr_model):
    return SilenceScorer(funasr_model.model.encoder, funasr_model.kwargs["frontend"])


def segments_of_funasr(model, waveform, max_end_silence_ms=800):
    (result,) = model.generate(waveform, fs=SAMPLE_RATE_HZ, max_end_silence_time=max_end_silence_ms)
    return [tuple(segment) for segment in result["value"]]


RULES = SegmentRules(
    frame_ms=10,
    speech_over_silence=0.6,
    window_frames=20,
    on_frames=15,
    off_frames=15,
    lookback_frames=40,
    end_silence_frames=65,
    end_lookback_frames=54,
)
"""Those of the model's config.yaml with 800 ms of silence at the end."""


def posteriors(*runs):
    """Silence posteriors of (frames, is speech) runs."""
    values = [np.full(frames, 0.1 if speech else 0.9, np.float32) for frames, speech in runs]
    return np.concatenate([np.empty(0, np.float32), *values])


def test_a_segment_reaches_back_before_speech_and_past_its_end():
    # Found with the 15th speech frame (114): 40 frames back is 74. Speech ends in the window
    # 5 frames after 200, silence is counted from the next, and 11 of it are kept.
    assert find_segments_ms(posteriors((100, False), (100, True), (200, False)), RULES) == [
        (740, 2160)
    ]


@pytest.mark.parametrize(("pause", "segments"), [(55, 1), (56, 2)])
def test_silence_is_counted_until_speech_fills_the_window_again(pause, segments):
    # From 6 frames into the pause to the 14th frame after it: 65 frames are reached at 56.
    silence = posteriors((100, True), (pause, False), (100, True), (90, False))
    assert len(find_segments_ms(silence, RULES)) == segments


@pytest.mark.parametrize("spoken", [15, 16, 40])
def test_speech_up_to_the_last_frame_is_a_segment_to_the_end(spoken):
    silence = posteriors((50, False), (spoken, True))
    assert find_segments_ms(silence, RULES) == [((10 + 14) * 10, (50 + spoken) * 10)]


def test_too_little_speech_is_no_segment():
    assert find_segments_ms(posteriors((50, False), (14, True), (50, False)), RULES) == []
    assert find_segments_ms(posteriors(), RULES) == []


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
def test_nan_and_infinite_samples_are_refused_by_number(detector, call, bad):
    broken = call[1].copy()
    broken[100] = bad
    with pytest.raises(ValueError, match="waveform 1 "):
        detector.detect([call[0], broken])


@pytest.mark.integration
def test_the_rules_are_those_of_the_model(funasr_model):
    assert SegmentRules.of(funasr_model.model.vad_opts, 800) == RULES


@pytest.mark.integration
@pytest.mark.parametrize("recordings", ["calls", "vad", "asr_zh", "noise"])
def test_real_recordings_have_the_segments_that_funasr_finds(
    testdata, funasr_model, scorer, recordings
):
    for path in sorted((testdata / recordings).iterdir()):
        if path.suffix not in {".flac", ".wav"}:
            continue
        audio = decode_file(path)
        # funasr works in pieces of 60 s: 70 s cross the border of two.
        start_of_call = audio.samples[:, : 70 * audio.sample_rate_hz]
        for channel, waveform in enumerate(to_16k(start_of_call, audio.sample_rate_hz)):
            found = find_segments_ms(scorer.score([waveform])[0], RULES)
            assert found == segments_of_funasr(funasr_model, waveform), (path.name, channel)


@pytest.mark.integration
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["noise", "tone", "constant", "speech"]),
    samples=st.integers(400, 5 * SAMPLE_RATE_HZ),
    loudness_db=st.floats(-100, 0),
)
def test_any_sound_has_the_segments_that_funasr_finds(
    call, funasr_model, scorer, seed, kind, samples, loudness_db
):
    generator = np.random.default_rng(seed)
    sound = {
        "noise": lambda: generator.normal(0, 1, samples),
        "tone": lambda: np.sin(np.arange(samples) * generator.uniform(0, np.pi)),
        "constant": lambda: np.ones(samples),
        "speech": lambda: np.roll(call[1], -generator.integers(len(call[1])))[:samples],
    }[kind]()
    waveform = (10 ** (loudness_db / 20) * sound).astype(np.float32)
    found = find_segments_ms(scorer.score([waveform])[0], RULES)
    assert found == segments_of_funasr(funasr_model, waveform)


piece = st.tuples(
    st.sampled_from(["speech", "silence", "noise", "tone"]),
    st.integers(1, 4 * SAMPLE_RATE_HZ),
    st.floats(-60, 0),
)


@pytest.mark.integration
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    mixtures=st.lists(st.lists(piece, min_size=1, max_size=8), min_size=1, max_size=5),
)
def test_mixtures_scored_together_have_the_segments_that_funasr_finds_in_each(
    call, funasr_model, scorer, seed, mixtures
):
    generator = np.random.default_rng(seed)

    def make(kind, samples, loudness_db):
        sound = {
            "speech": lambda: np.roll(call[1], -generator.integers(len(call[1])))[:samples],
            "silence": lambda: np.zeros(samples),
            "noise": lambda: generator.normal(0, 0.1, samples),
            "tone": lambda: np.sin(np.arange(samples) * generator.uniform(0, np.pi)),
        }[kind]()
        return 10 ** (loudness_db / 20) * sound

    waveforms = [
        np.concatenate([np.zeros(400), *(make(*piece) for piece in pieces)]).astype(np.float32)
        for pieces in mixtures
    ]
    for waveform, silence in zip(waveforms, scorer.score(waveforms), strict=True):
        assert find_segments_ms(silence, RULES) == segments_of_funasr(funasr_model, waveform)


@pytest.mark.parametrize(("key", "value"), [("fs", 8000), ("lfr_n", 6)])
def test_a_detector_for_another_sample_rate_is_refused(key, value, tmp_path):
    """The one released for 8 kHz, say: it would be given sound of 16 kHz."""
    folder = build_tiny("fsmn-vad", tmp_path)
    config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    config["frontend_conf"][key] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    model = HubModel(LAYOUTS["fsmn-vad"], "iic/fsmn-vad", "v2.0.4", "mine", folder)
    with pytest.raises(FrontendError, match=rf"frontend_conf\.{key} of config\.yaml is {value}"):
        FsmnVad(tmp_path, config=VadConfig(), threads=1, model=model)
