"""The head's arithmetic, its errors, and that a segment's emotion depends on the segment alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from callqa_assets.domain.audio.segments import cut_segment
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import WindowConfig
from callqa_assets.domain.speech import Span, SpeechChannel
from resources.speech_models.emotion.whisper_head import (
    HEAD_WEIGHTS,
    EmotionHead,
    WhisperEmotionRecognizer,
)
from resources.speech_models.weights.wheels import ModelFileError

SPEECH = Path("asr_zh") / "SSB00180170.flac"


def write_tiny_head(path: Path) -> Path:
    """Three pooled values, two hidden units; logits are (x0, x1 - x2)."""
    tensors = {
        "hidden": np.array([[1, 0, 0], [0, 1, -1]], np.float32),
        "hidden_bias": np.zeros(2, np.float32),
        "output": np.eye(2, dtype=np.float32),
        "output_bias": np.zeros(2, np.float32),
    }
    save_file(tensors, path, {"emotions": json.dumps(["sad", "angry"])})
    return path


def test_the_head_is_softmax_of_a_rectified_layer_in_label_order(tmp_path: Path) -> None:
    head = EmotionHead.read(write_tiny_head(tmp_path / "head.safetensors"))
    (scores,) = head.posteriors(np.array([[-5.0, 3.0, 1.0]]))
    assert scores[EMOTIONS.index("angry")] == pytest.approx(np.exp(2) / (1 + np.exp(2)))
    assert scores[EMOTIONS.index("sad")] == pytest.approx(1 / (1 + np.exp(2)))
    assert scores.sum() == pytest.approx(1)
    assert np.count_nonzero(scores) == 2


def test_a_missing_head_is_an_error_that_names_file_and_cure(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nowhere\.safetensors is missing: restore"):
        EmotionHead.read(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("keep", [0, 9, 150])
def test_a_damaged_head_is_an_error_that_names_file_and_cure(tmp_path: Path, keep: int) -> None:
    path = write_tiny_head(tmp_path / "head.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelFileError, match=r"head\.safetensors is damaged .*: restore"):
        EmotionHead.read(path)


def test_a_file_that_is_no_head_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": np.zeros(3, np.float32)}, path)
    with pytest.raises(ModelFileError, match="is damaged"):
        EmotionHead.read(path)


def test_the_shipped_head_fits_whisper_base_and_leaves_untrained_emotions_at_zero() -> None:
    head = EmotionHead.read(HEAD_WEIGHTS)
    assert HEAD_WEIGHTS.stat().st_size <= 4 << 20
    pooled = np.random.default_rng(0).normal(size=(50, 2 * 512))
    scores = head.posteriors(pooled)
    assert scores.shape == (50, len(EMOTIONS))
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert not scores[:, [EMOTIONS.index("other"), EMOTIONS.index("unknown")]].any()


def test_a_segment_outside_its_channel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"outside its channel of 1\.000 s"):
        cut_segment(np.zeros(16_000, np.float32), Span(1.5, 2.0))


@pytest.fixture(scope="module")
def whisper(models_dir: Path) -> Any:
    from resources.speech_models.runtime.whisper import load_whisper

    return load_whisper(models_dir, compute_type="int8", threads=1)


@pytest.fixture(scope="module")
def recognizer(whisper: Any) -> WhisperEmotionRecognizer:
    return WhisperEmotionRecognizer(whisper, windows=WindowConfig(), workers=2)


@pytest.fixture(scope="module")
def speech(testdata: Path) -> np.ndarray:
    import soundfile

    samples, _ = soundfile.read(testdata / SPEECH, dtype="float32")
    return samples


@pytest.mark.integration
def test_a_result_depends_on_its_segment_alone(
    recognizer: WhisperEmotionRecognizer, speech: np.ndarray
) -> None:
    segments = [Span(0.2, 3.1), Span(3.4, 3.9)]
    other = SpeechChannel(np.roll(speech, 4000), [Span(0.0, 2.5)])
    together = recognizer.recognize([other, SpeechChannel(speech, segments)])[1]
    for segment, shared in zip(segments, together, strict=True):
        ((alone,),) = recognizer.recognize([SpeechChannel(speech, [segment])])
        assert np.array_equal(alone.scores, shared.scores)
        assert np.array_equal(alone.windows, shared.windows)


@pytest.mark.integration
@pytest.mark.parametrize("duration_s", [0.001, 0.03, 0.09, 1.0, 2.013])
def test_the_shortest_segments_have_one_window_inside_the_segment(
    recognizer: WhisperEmotionRecognizer, speech: np.ndarray, duration_s: float
) -> None:
    segment = Span(1.0, 1.0 + duration_s)
    ((found,),) = recognizer.recognize([SpeechChannel(speech, [segment])])
    assert found.window_start_s.tolist() == [segment.start_s]
    assert found.window_end_s == pytest.approx([segment.end_s])
    assert found.scores.sum() == pytest.approx(1)
    assert found.windows.shape == (1, len(EMOTIONS))


@pytest.mark.integration
def test_windows_tile_a_30_s_segment(
    recognizer: WhisperEmotionRecognizer, speech: np.ndarray
) -> None:
    channel = SpeechChannel(np.resize(speech, 31 * 16_000), [Span(0.5, 30.5)])
    ((found,),) = recognizer.recognize([channel])
    assert (found.window_start_s[0], found.window_end_s[-1]) == (0.5, 30.5)
    np.testing.assert_allclose(np.diff(found.window_start_s), 0.25, atol=0.0101)
    np.testing.assert_allclose(found.windows.sum(axis=1), 1, atol=1e-6)


@pytest.mark.integration
def test_no_channels_and_no_segments_give_nothing(
    recognizer: WhisperEmotionRecognizer, speech: np.ndarray
) -> None:
    assert recognizer.recognize([]) == []
    assert recognizer.recognize([SpeechChannel(speech, [])]) == [[]]


@pytest.mark.integration
def test_identity_names_what_changes_results(whisper: Any, tmp_path: Path) -> None:
    def identity(weights: Path, window_sec: float) -> Any:
        windows = WindowConfig(window_sec=window_sec)
        made = WhisperEmotionRecognizer(whisper, windows=windows, workers=1, weights=weights)
        return made.identity

    tiny = write_tiny_head(tmp_path / "head.safetensors")
    shipped = identity(HEAD_WEIGHTS, 2.0)
    assert shipped == identity(HEAD_WEIGHTS, 2.0)
    assert shipped.weights_sha256 != identity(tiny, 2.0).weights_sha256
    assert shipped.params != identity(HEAD_WEIGHTS, 1.5).params
    assert json.loads(json.dumps(shipped.params))["compute_type"].startswith("int8")
