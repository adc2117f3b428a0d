"""emotion2vec gives in batches what funasr gives for each segment alone, on a tiny model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import WindowConfig, window_bounds
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span, SpeechChannel
from resources.speech_models.emotion.emotion2vec import Emotion2vecConfig, Emotion2vecRecognizer
from resources.speech_models.emotion.emotion2vec_encoder import Emotion2vecEncoder, Emotion2vecError
from resources.speech_models.runtime.device import Device, MemoryGuard, choose_device
from resources.speech_models.runtime.funasr_loading import load_model, process_as_found
from resources.speech_models.weights.layouts import ModelFolderError
from resources.speech_models.weights.wheels import StoredModel
from tests.resources.speech_models.conftest import LAYOUTS
from tests.support.tiny_checkpoints import build_tiny

CPU = Device("cpu", "fp32", 1)
WINDOWS = WindowConfig(window_sec=3.0)
LONGEST = 8 * SAMPLE_RATE_HZ


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model in which every weight matters that training leaves at 0 or 1 here."""
    folder = build_tiny("emotion2vec", tmp_path_factory.mktemp("emotion2vec"))
    stored = torch.load(folder / "model.pt", weights_only=True)
    generator = torch.Generator().manual_seed(1)
    for name, weight in stored["model"].items():
        if name.endswith(("alibi_scale", "extra_tokens")) or "norm" in name:
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    torch.save(stored, folder / "model.pt")
    return folder


@pytest.fixture(scope="module")
def funasr(folder: Path) -> Any:
    with process_as_found():
        from funasr import AutoModel

        return AutoModel(
            model=str(folder),
            device="cpu",
            ncpu=1,
            disable_update=True,
            disable_pbar=True,
            log_level="ERROR",
        )


def load(folder: Path, device: Device = CPU, **settings: Any) -> Emotion2vecRecognizer:
    return Emotion2vecRecognizer(
        StoredModel(folder, "0" * 64),
        device=device,
        windows=WINDOWS,
        config=Emotion2vecConfig(**settings),
    )


@pytest.fixture(scope="module")
def batching(folder: Path) -> Emotion2vecRecognizer:
    return load(folder, batch_s=60.0, embeddings=True)


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """20 s of noise whose loudness and colour change all the time, like speech's."""
    generator = np.random.default_rng(3)
    noise = generator.normal(0, 1, 20 * SAMPLE_RATE_HZ + 20)
    coloured = np.convolve(noise, generator.normal(0, 1, 21), "valid")
    loudness = np.repeat(generator.uniform(0.001, 0.1, 200), SAMPLE_RATE_HZ // 10)
    return (coloured * loudness).astype(np.float32)


def channel(sound: np.ndarray, *bounds: tuple[int, int]) -> SpeechChannel:
    """Segments (start, samples) of the sound."""
    return SpeechChannel(
        sound,
        [Span(a / SAMPLE_RATE_HZ, (a + count) / SAMPLE_RATE_HZ) for a, count in bounds],
    )


def compute_alone(funasr: Any, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores in EMOTIONS order and frame features, as funasr's own generate gives them."""
    (answer,) = funasr.generate(samples, granularity="frame", extract_embedding=True)
    assert [label.rpartition("/")[2] for label in answer["labels"][:-1]] == list(EMOTIONS[:-1])
    return np.array(answer["scores"]), answer["feats"]


def assert_near(features: np.ndarray, expected: np.ndarray) -> None:
    """Within 1e-5 of the largest feature: to that, fp32 rounds in a model as narrow as this."""
    np.testing.assert_allclose(features, expected, atol=1e-5 * np.abs(expected).max())


segments = st.lists(
    st.tuples(st.integers(0, 10 * SAMPLE_RATE_HZ), st.integers(400, LONGEST)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(bounds=segments)
def test_segments_of_a_batch_have_the_scores_that_funasr_gives_each_alone(
    batching, funasr, sound, bounds
):
    ((*emotions,),) = batching.recognize([channel(sound, *bounds)])
    for (start, count), emotion in zip(bounds, emotions, strict=True):
        scores, features = compute_alone(funasr, sound[start : start + count])
        np.testing.assert_allclose(emotion.scores, scores, atol=1e-5)
        assert_near(emotion.embedding, features.mean(axis=0))


@settings(max_examples=25, deadline=None)
@given(bounds=segments)
def test_frame_features_in_a_padded_batch_are_those_of_each_segment_alone(funasr, sound, bounds):
    encoder = Emotion2vecEncoder(funasr.model)
    frames = [(count - 400) // 320 + 1 for _, count in bounds]
    waveforms = torch.zeros(len(bounds), (max(frames) + 1) * 320)
    for row, (start, count) in zip(waveforms, bounds, strict=True):
        samples = torch.from_numpy(sound[start : start + count])
        samples = torch.nn.functional.layer_norm(samples, samples.shape)[: len(row)]
        row[: len(samples)] = samples
    with torch.inference_mode():
        together = encoder.encode(waveforms, torch.tensor(frames)).numpy()
    for features, count, (start, samples) in zip(together, frames, bounds, strict=True):
        _, alone = compute_alone(funasr, sound[start : start + samples])
        assert_near(features[:count], alone)


def test_windows_have_the_model_s_own_projection_of_their_mean_frame(batching, funasr, sound):
    bounds = (1234, 7 * SAMPLE_RATE_HZ)
    (((emotion),),) = batching.recognize([channel(sound, bounds)])
    _, features = compute_alone(funasr, sound[bounds[0] : sum(bounds)])
    starts, ends = window_bounds(len(features), WINDOWS)
    means = np.stack([features[a:b].mean(axis=0) for a, b in zip(starts, ends, strict=True)])
    with torch.inference_mode():
        expected = funasr.model.proj(torch.from_numpy(means)).softmax(dim=1).numpy()
    np.testing.assert_allclose(emotion.windows, expected, atol=1e-5)
    start_s = bounds[0] / SAMPLE_RATE_HZ
    np.testing.assert_allclose(emotion.window_start_s, start_s + starts / 50)
    np.testing.assert_allclose(emotion.window_end_s[:-1], start_s + ends[:-1] / 50)
    assert emotion.window_end_s[-1] == sum(bounds) / SAMPLE_RATE_HZ
    np.testing.assert_allclose(emotion.windows.sum(axis=1), 1, atol=1e-6)


def test_a_long_segment_is_computed_in_equal_pieces_whose_frames_continue(folder, funasr, sound):
    recognizer = load(folder, max_piece_s=3.0, batch_s=60.0)
    count = 8 * SAMPLE_RATE_HZ + 123
    ((emotion,),) = recognizer.recognize([channel(sound, (500, count))])
    samples = sound[500 : 500 + count]
    total = (count - 400) // 320 + 1
    first, second = round(total / 3), round(2 * total / 3)
    pieces = [
        samples[: first * 320 + 80],
        samples[first * 320 : second * 320 + 80],
        samples[second * 320 :],
    ]
    features = np.concatenate([compute_alone(funasr, piece)[1] for piece in pieces])
    assert len(features) == total
    starts, ends = window_bounds(total, WINDOWS)
    for own_scores, start, end in zip(
        [emotion.scores, *emotion.windows],
        np.append(0, starts),
        np.append(total, ends),
        strict=True,
    ):
        mean = torch.from_numpy(features[start:end].mean(axis=0))
        with torch.inference_mode():
            expected = funasr.model.proj(mean).softmax(dim=0).numpy()
        np.testing.assert_allclose(own_scores, expected, atol=1e-5)


def test_results_are_in_the_order_of_channels_and_segments(batching, folder, sound):
    one = channel(sound, (0, 30_000), (40_000, 400), (50_000, 120_000))
    other = channel(sound[::-1].copy(), (10, 500), (9_000, 64_000))
    silent = SpeechChannel(sound, [])
    together = batching.recognize([one, silent, other])
    assert [len(emotions) for emotions in together] == [3, 0, 2]
    for source, emotions in ((one, together[0]), (other, together[2])):
        for segment, emotion in zip(source.segments, emotions, strict=True):
            ((alone,),) = batching.recognize([replace(source, segments=[segment])])
            np.testing.assert_allclose(emotion.scores, alone.scores, atol=1e-5)
            np.testing.assert_allclose(emotion.windows, alone.windows, atol=1e-5)
            np.testing.assert_array_equal(emotion.window_start_s, alone.window_start_s)
    assert batching.recognize([]) == []


def test_two_runs_are_identical(batching, sound):
    runs = [
        batching.recognize([channel(sound, (0, 30_000), (40_000, 70_000), (5, 9_000))])[0]
        for _ in range(2)
    ]
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first.scores, second.scores)
        np.testing.assert_array_equal(first.windows, second.windows)
        np.testing.assert_array_equal(first.embedding, second.embedding)


def test_on_a_cpu_a_result_is_the_same_bit_by_bit_whatever_is_beside_it(folder, sound):
    recognizer = load(folder)
    bounds = [(0, 30_000), (40_000, 70_000), (5, 9_000)]
    (together,) = recognizer.recognize([channel(sound, *bounds)])
    for bound, emotion in zip(bounds, together, strict=True):
        ((alone,),) = recognizer.recognize([channel(sound, bound)])
        np.testing.assert_array_equal(emotion.scores, alone.scores)
        assert emotion.embedding is None


@pytest.mark.parametrize("count", [1, 79, 399, 400])
def test_a_segment_shorter_than_a_frame_is_filled_with_silence(batching, funasr, sound, count):
    ((emotion,),) = batching.recognize([channel(sound, (100, count))])
    scores, _ = compute_alone(funasr, np.pad(sound[100 : 100 + count], (0, 400 - count)))
    np.testing.assert_allclose(emotion.scores, scores, atol=1e-5)
    assert len(emotion.windows) == 1


def test_digital_silence_has_an_emotion_like_any_sound(batching):
    ((emotion,),) = batching.recognize([channel(np.zeros(32_000, np.float32), (0, 32_000))])
    assert emotion.scores.sum() == pytest.approx(1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinite_samples_are_refused_before_they_spoil_a_batch(batching, sound, bad):
    broken = sound.copy()
    broken[100] = bad
    with pytest.raises(ValueError, match=r"Span\(start_s=0.*NaN or infinite"):
        batching.recognize([channel(sound, (0, 9_000)), channel(broken, (0, 9_000))])


def test_a_segment_outside_its_channel_is_refused(batching, sound):
    with pytest.raises(ValueError, match="outside its channel"):
        batching.recognize([channel(sound[:9_000], (9_000, 100))])


def test_what_does_not_fit_is_halved_and_nothing_else_changes(folder, sound, monkeypatch):
    recognizer = load(folder, batch_s=60.0)
    bounds = [(0, 30_000), (40_000, 70_000), (5, 9_000), (1_000, 8_000)]
    (expected,) = recognizer.recognize([channel(sound, *bounds)])
    encode = recognizer._encoder.encode

    def encode_two(waveforms: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        if len(waveforms) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(waveforms, frames)

    monkeypatch.setattr(recognizer._encoder, "encode", encode_two)
    (emotions,) = recognizer.recognize([channel(sound, *bounds)])
    assert isinstance(recognizer.guard, MemoryGuard)
    assert recognizer.guard.halvings == 1
    for emotion, before in zip(emotions, expected, strict=True):
        np.testing.assert_allclose(emotion.scores, before.scores, atol=1e-5)


def test_nothing_of_a_batch_stays_in_memory(folder, sound):
    recognizer = load(folder, batch_s=60.0)
    recognizer.recognize([channel(sound, (0, LONGEST), (9, 8_000))])
    assert recognizer._encoder._audio.get_alibi_bias.keywords["alibi_biases"] == {}


@pytest.mark.parametrize(("precision", "tolerance"), [("bf16", 0.02), ("fp16", 0.003)])
def test_half_precision_is_near(folder, funasr, sound, precision, tolerance):
    recognizer = load(folder, Device("cpu", precision, 1), batch_s=60.0)
    bounds = [(0, 30_000), (40_000, 70_000)]
    (emotions,) = recognizer.recognize([channel(sound, *bounds)])
    for (start, count), emotion in zip(bounds, emotions, strict=True):
        scores, _ = compute_alone(funasr, sound[start : start + count])
        np.testing.assert_allclose(emotion.scores, scores, atol=tolerance)
        assert emotion.scores.sum() == pytest.approx(1, abs=1e-6)


def test_a_precision_that_overflows_says_so(folder, sound, tmp_path):
    loud = shutil.copytree(folder, tmp_path / "loud")
    stored = torch.load(loud / "model.pt", weights_only=True)
    stored["model"]["blocks.1.mlp.fc2.weight"] *= 1e7
    torch.save(stored, loud / "model.pt")
    with pytest.raises(Emotion2vecError, match=r"overflows in fp16 on Span.*bf16 or fp32"):
        load(loud, Device("cpu", "fp16", 1)).recognize([channel(sound, (0, 30_000))])


def test_classes_are_matched_by_their_names_not_by_their_place(folder, funasr, sound, tmp_path):
    turned = shutil.copytree(folder, tmp_path / "turned")
    names = (turned / "tokens.txt").read_text("utf-8").split()
    order = [*range(len(names))][::-1]
    (turned / "tokens.txt").write_text("\n".join(names[i] for i in order), "utf-8")
    stored = torch.load(turned / "model.pt", weights_only=True)
    for name in ("proj.weight", "proj.bias"):
        stored["model"][name] = stored["model"][name][order]
    torch.save(stored, turned / "model.pt")
    ((emotion,),) = load(turned).recognize([channel(sound, (0, 30_000))])
    np.testing.assert_allclose(emotion.scores, compute_alone(funasr, sound[:30_000])[0], atol=1e-5)


def test_labels_that_are_no_emotion_are_ignored(folder, sound, tmp_path):
    fewer = shutil.copytree(folder, tmp_path / "fewer")
    names = (fewer / "tokens.txt").read_text("utf-8").replace("其他/other", "unuse_0")
    (fewer / "tokens.txt").write_text(names, "utf-8")
    ((emotion,),) = load(fewer).recognize([channel(sound, (0, 30_000))])
    assert emotion.scores[EMOTIONS.index("other")] == 0
    assert emotion.scores.sum() == pytest.approx(1)


def test_labels_that_callqa_does_not_know_are_an_error(folder, tmp_path):
    strange = shutil.copytree(folder, tmp_path / "strange")
    names = (strange / "tokens.txt").read_text("utf-8").replace("吃惊/surprised", "无聊/bored")
    (strange / "tokens.txt").write_text(names, "utf-8")
    with pytest.raises(Emotion2vecError, match=r"does not know \(bored\)"):
        load(strange)


def test_another_architecture_is_refused_by_its_key(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other")
    config = yaml.safe_load((other / "config.yaml").read_text("utf-8"))
    config["model_conf"]["normalize"] = False
    (other / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    with pytest.raises(Emotion2vecError, match=r"model_conf\.normalize: False"):
        load(other)


def test_a_released_checkpoint_has_prefixed_names_and_no_decoder(folder, sound, tmp_path):
    """So the fine-tuned models are published: the decoder is the pre-training's."""
    released = shutil.copytree(folder, tmp_path / "released")
    config = yaml.safe_load((released / "config.yaml").read_text("utf-8"))
    config["scope_map"] = ["d2v_model.", "none"]
    config["model_conf"]["modalities"]["audio"]["decoder"] = {
        "input_dropout": 0.1,
        "decoder_dim": 16,
        "decoder_groups": 4,
        "decoder_kernel": 7,
        "decoder_layers": 2,
        "projection_layers": 1,
        "projection_ratio": 2.0,
        "decoder_residual": True,
        "add_positions_masked": False,
        "add_positions_all": False,
    }
    (released / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    stored = torch.load(released / "model.pt", weights_only=True)["model"]
    renamed = {
        name if name.startswith("proj.") else f"d2v_model.{name}": weight
        for name, weight in stored.items()
    }
    torch.save({"model": renamed}, released / "model.pt")
    source = channel(sound, (0, 30_000))
    ((emotion,),) = load(released).recognize([source])
    ((expected,),) = load(folder).recognize([source])
    np.testing.assert_array_equal(emotion.scores, expected.scores)
    del renamed["d2v_model.blocks.0.attn.qkv.weight"]
    torch.save({"model": renamed}, released / "model.pt")
    with pytest.raises(ModelFolderError, match=r"lacks 1 weight.*blocks\.0\.attn\.qkv\.weight"):
        load_model(released, LAYOUTS["emotion2vec"], CPU)


def test_identity_contains_what_changes_results_and_nothing_else() -> None:
    def identify(**changed: Any) -> Any:
        config = Emotion2vecConfig(**{k: v for k, v in changed.items() if k != "precision"})
        return Emotion2vecRecognizer.identify(
            "0" * 64, changed.get("precision", "fp32"), WINDOWS, config
        )

    assert identify() == identify(batch_s=30.0)
    assert identify() != identify(max_piece_s=5.0)
    assert identify() != identify(embeddings=True)
    assert identify() != identify(precision="bf16")
    assert json.loads(json.dumps(identify().params))["window_sec"] == 3.0


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 0.02), ("fp16", 0.003)]
)
def test_an_accelerator_agrees_with_the_cpu(folder, sound, precision, tolerance):
    device = choose_device("auto", precision)
    if not device.is_accelerator:
        pytest.skip("no accelerator")
    bounds = [(0, 30_000), (40_000, 70_000), (5, 9_000), (7, 300)]
    source = channel(sound, *bounds)
    accelerated = load(folder, device, embeddings=True)
    (emotions,) = accelerated.recognize([source])
    (again,) = accelerated.recognize([source])
    (expected,) = load(folder, embeddings=True).recognize([source])
    for emotion, same, wanted in zip(emotions, again, expected, strict=True):
        np.testing.assert_allclose(emotion.scores, wanted.scores, atol=tolerance)
        np.testing.assert_allclose(emotion.windows, wanted.windows, atol=tolerance)
        np.testing.assert_array_equal(emotion.scores, same.scores)


def test_batches_hold_no_more_audio_than_they_may(folder, sound):
    recognizer = load(folder, batch_s=10.0)
    rows: list[int] = []
    encode = recognizer._encoder.encode

    def count(waveforms: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        rows.append(len(waveforms))
        assert len(waveforms) * int(frames.max()) <= 10 * 50 or len(waveforms) == 1
        return encode(waveforms, frames)

    recognizer._encoder = SimpleNamespace(encode=count)  # pyright: ignore[reportAttributeAccessIssue]
    bounds = [(i * 1000, 16_000 * seconds) for i, seconds in enumerate((1, 4, 2, 5, 3, 1, 1, 7))]
    recognizer.recognize([channel(sound, *bounds)])
    assert sum(rows) == len(bounds)
    assert len(rows) == 4
