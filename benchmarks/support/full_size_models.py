"""funasr families at full size with random weights: the real loading and inference, untrained.

The results of such a model mean nothing, but it costs the same as the released one. Folders are
those of the tests' tiny models with the released models' dimensions in config.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from resources.speech_models.runtime.device import Device
from resources.speech_models.runtime.funasr_loading import process_as_found
from tests.support.tiny_checkpoints import SENSEVOICE_TAGS, build_tiny

_SANM = {"output_size": 512, "attention_heads": 4, "linear_units": 2048, "num_blocks": 50}
_DECODER = {"attention_heads": 4, "linear_units": 2048, "num_blocks": 16, "att_layer_num": 16}

SIZES: Mapping[str, Mapping[str, Any]] = {
    # emotion2vec+ large: data2vec 2.0 large with 24 blocks in all, the ~300 M parameters of its
    # model card. Which of them config.yaml calls prenet changes no cost.
    "emotion2vec": {
        "model_conf": {
            "depth": 8,
            "num_heads": 16,
            "embed_dim": 1024,
            "mlp_ratio": 4.0,
            "modalities": {
                "audio": {
                    "prenet_depth": 16,
                    "num_extra_tokens": 10,
                    "num_alibi_heads": 16,
                    "model_depth": 8,
                    "feature_encoder_spec": "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] * 2",
                    "conv_pos_groups": 16,
                }
            },
        }
    },
    "seaco": {
        "model_conf": {"inner_dim": 512, "NO_BIAS": 8377},
        "encoder_conf": _SANM,
        "decoder_conf": _DECODER,
        "seaco_decoder_conf": {"attention_heads": 4, "linear_units": 1024, "num_blocks": 4},
        "predictor_conf": {"idim": 512},
    },
    "sensevoice": {"encoder_conf": {**_SANM, "tp_blocks": 20}},
}

TOKENS = {"seaco": 8404, "sensevoice": 25_055}

TOKENS_PER_FRAME_BIAS = -1.0
"""Untrained, the predictor of Paraformer gives 8 tokens/s; with this bias 4 to 5, as in speech."""


def build_full_size(family: str, folder: Path) -> int:
    """Write the model folder of `family`, a key of `SIZES`; returns its number of weights."""
    with process_as_found():
        build_tiny(family, folder)
    path = folder / "config.yaml"
    config = _merge(yaml.safe_load(path.read_text("utf-8")), SIZES[family])
    path.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    if family == "seaco":
        _write_tokens(folder / "tokens.json", TOKENS[family])
    elif family == "sensevoice":
        _train_characters(folder / "bpe", TOKENS[family])
    return _save_random_weights(folder)


def _merge(config: Mapping[str, Any], sizes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(config)
    for key, value in sizes.items():
        merged[key] = _merge(merged[key], value) if isinstance(value, Mapping) else value
    return merged


def _write_tokens(path: Path, count: int) -> None:
    """The tiny model's tokens, and characters up to `count`; the last one is <unk>."""
    *tokens, unknown = json.loads(path.read_text("utf-8"))
    more = (character for character in _characters() if character not in tokens)
    tokens += [next(more) for _ in range(count - len(tokens) - 1)]
    path.write_text(json.dumps([*tokens, unknown], ensure_ascii=False), "utf-8")


def _characters() -> list[str]:
    """Han and Hangul."""
    return [chr(code) for code in (*range(0x4E00, 0x9FFF), *range(0xAC00, 0xD7A3))]


def _train_characters(prefix: Path, count: int) -> None:
    """A sentencepiece model of `count` pieces, SenseVoice's tags among them."""
    import sentencepiece

    wanted = _characters()[:count]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["".join(wanted[i : i + 500]) for i in range(0, count, 500)]),
        model_prefix=str(prefix),
        vocab_size=count,
        model_type="char",
        character_coverage=1.0,
        pad_id=-1,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        user_defined_symbols=list(SENSEVOICE_TAGS),
        use_all_vocab=True,
        minloglevel=2,
    )


def _save_random_weights(folder: Path) -> int:
    import torch
    from omegaconf import OmegaConf

    config: Any = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"), resolve=True)
    for section, key, name in (
        ("tokenizer_conf", "token_list", "tokens.json"),
        ("tokenizer_conf", "token_list", "tokens.txt"),
        ("tokenizer_conf", "bpemodel", "bpe.model"),
        ("frontend_conf", "cmvn_file", "am.mvn"),
    ):
        if (folder / name).exists():
            config.setdefault(section, {})[key] = str(folder / name)
    with process_as_found():
        from funasr.auto.auto_model import AutoModel

        threads = torch.get_num_threads()
        model, _ = AutoModel.build_model(**config, device="cpu", ncpu=threads, seed=0)
    weights = model.state_dict()
    if "predictor.cif_output.bias" in weights:
        weights["predictor.cif_output.bias"].fill_(TOKENS_PER_FRAME_BIAS)
    torch.save({"model": weights}, folder / "model.pt")
    return sum(weight.numel() for weight in weights.values())


def load_with_funasr(folder: Path, device: Device) -> Any:
    """The model as a user of funasr loads it, with dither off: the reference."""
    with process_as_found():
        from funasr import AutoModel

        return AutoModel(
            model=str(folder),
            device=device.name,
            ncpu=device.threads,
            disable_update=True,
            disable_pbar=True,
            log_level="ERROR",
            frontend_conf={"dither": 0.0},
        )
