"""Tiny model folders of the funasr families: random weights, the real files, the real loader.

`build_tiny(family, folder)` writes what a download holds (config.yaml, model.pt, tokens, am.mvn,
bpe.model, seg_dict, ...), a few hundred kilobytes each, so that the ordinary
`AutoModel(model=str(folder), disable_update=True)` loads it. What such a model says means nothing;
that it says it twice, in batches and in order does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

SEED = 0
DIM = 32

CHARACTERS = tuple(
    dict.fromkeys(
        "您好这里是客服中心请问有什么可以帮我的订单号零一二三四五六七八九十百千万年月日块"
        "投诉非常抱歉给带来不便上为处理你们务太差了等小时周退款信用卡还开户流程热线政策催收骗"
    )
)
EMOTION_TOKENS = (
    "生气/angry",
    "厌恶/disgusted",
    "恐惧/fearful",
    "开心/happy",
    "中立/neutral",
    "其他/other",
    "难过/sad",
    "吃惊/surprised",
    "<unk>",
)
SENSEVOICE_TAGS = (
    *("<|zh|>", "<|en|>", "<|yue|>", "<|ja|>", "<|ko|>", "<|nospeech|>"),
    *("<|NEUTRAL|>", "<|ANGRY|>", "<|EMO_UNKNOWN|>"),
    *("<|Speech|>", "<|BGM|>", "<|withitn|>", "<|woitn|>"),
)

Config = dict[str, Any]

_DROPOUT: Config = {
    "dropout_rate": 0.1,
    "positional_dropout_rate": 0.1,
}
_ENCODER: Config = {
    **_DROPOUT,
    "attention_dropout_rate": 0.1,
    "output_size": DIM,
    "attention_heads": 2,
    "linear_units": DIM,
    "num_blocks": 2,
    "input_layer": "pe",
    "pos_enc_class": "SinusoidalPositionEncoder",
    "normalize_before": True,
    "kernel_size": 11,
    "sanm_shfit": 0,
    "selfattention_layer_type": "sanm",
}
_DECODER: Config = {
    **_DROPOUT,
    "self_attention_dropout_rate": 0.1,
    "src_attention_dropout_rate": 0.1,
    "attention_heads": 2,
    "linear_units": DIM,
    "num_blocks": 2,
    "att_layer_num": 2,
    "kernel_size": 11,
    "sanm_shfit": 0,
}
_FRONTEND: Config = {
    "frontend": "WavFrontend",
    "frontend_conf": {
        "fs": 16000,
        "window": "hamming",
        "n_mels": 80,
        "frame_length": 25,
        "frame_shift": 10,
        "lfr_m": 7,
        "lfr_n": 6,
    },
}
_CHARACTER_TOKENIZER: Config = {
    "tokenizer": "CharTokenizer",
    "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
}
_PARAFORMER: Config = {
    "ctc_weight": 0.0,
    "lsm_weight": 0.1,
    "length_normalized_loss": True,
    "predictor_weight": 1.0,
    "predictor_bias": 1,
    "sampling_ratio": 0.75,
}
_PREDICTOR: Config = {
    "idim": DIM,
    "threshold": 1.0,
    "l_order": 1,
    "r_order": 1,
    "tail_threshold": 0.45,
}


def build_tiny(family: str, folder: Path) -> Path:
    """Write the model folder of `family`, a key of `FAMILIES`; the same weights every time."""
    folder.mkdir(parents=True, exist_ok=True)
    config = FAMILIES[family](folder)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    _save_random_weights(folder)
    return folder


def _fsmn_vad(folder: Path) -> Config:
    _write_cmvn(folder, 400)
    return {
        "model": "FsmnVADStreaming",
        "model_conf": {
            "sample_rate": 16000,
            "detect_mode": 1,
            "snr_mode": 0,
            "max_end_silence_time": 800,
            "max_start_silence_time": 3000,
            "do_start_point_detection": True,
            "do_end_point_detection": True,
            "window_size_ms": 200,
            "sil_to_speech_time_thres": 150,
            "speech_to_sil_time_thres": 150,
            "speech_2_noise_ratio": 1.0,
            "do_extend": 1,
            "lookback_time_start_point": 200,
            "lookahead_time_end_point": 100,
            "max_single_segment_time": 60000,
            "snr_thres": -100.0,
            "noise_frame_num_used_for_snr": 100,
            "decibel_thres": -100.0,
            "speech_noise_thres": 0.6,
            "fe_prior_thres": 0.0001,
            "silence_pdf_num": 1,
            "sil_pdf_ids": [0],
            "frame_in_ms": 10,
            "frame_length_ms": 25,
        },
        "encoder": "FSMN",
        "encoder_conf": {
            "input_dim": 400,
            "input_affine_dim": DIM,
            "fsmn_layers": 2,
            "linear_dim": DIM,
            "proj_dim": DIM,
            "lorder": 20,
            "rorder": 0,
            "lstride": 1,
            "rstride": 0,
            "output_affine_dim": DIM,
            "output_dim": 248,
        },
        "frontend": "WavFrontendOnline",
        "frontend_conf": {
            **_FRONTEND["frontend_conf"],
            "dither": 0.0,
            "lfr_m": 5,
            "lfr_n": 1,
        },
    }


def _paraformer(folder: Path) -> Config:
    _write_paraformer_tokens(folder)
    _write_cmvn(folder, 560)
    return {
        "model": "Paraformer",
        "model_conf": _PARAFORMER,
        "encoder": "SANMEncoder",
        "encoder_conf": _ENCODER,
        "decoder": "ParaformerSANMDecoder",
        "decoder_conf": _DECODER,
        "predictor": "CifPredictorV2",
        "predictor_conf": _PREDICTOR,
        **_FRONTEND,
        **_CHARACTER_TOKENIZER,
    }


def _seaco(folder: Path) -> Config:
    tokens = _write_paraformer_tokens(folder)
    _write_cmvn(folder, 560)
    lines = [f"{character} {character}" for character in CHARACTERS]
    (folder / "seg_dict").write_text("\n".join([*lines, "hello hello@@", "world world", ""]))
    return {
        "model": "SeacoParaformer",
        "model_conf": {
            **_PARAFORMER,
            "inner_dim": DIM,
            "bias_encoder_type": "lstm",
            "bias_encoder_bid": False,
            "seaco_lsm_weight": 0.1,
            "seaco_length_normal": True,
            "train_decoder": True,
            "NO_BIAS": len(tokens) - 1,
        },
        "encoder": "SANMEncoder",
        "encoder_conf": _ENCODER,
        "decoder": "ParaformerSANMDecoder",
        "decoder_conf": _DECODER,
        "seaco_decoder": "ParaformerSANMDecoder",
        "seaco_decoder_conf": {
            **{key: value for key, value in _DECODER.items() if key != "att_layer_num"},
            "kernel_size": 21,
            "use_output_layer": False,
            "wo_input_layer": True,
        },
        "predictor": "CifPredictorV3",
        "predictor_conf": {
            **_PREDICTOR,
            "smooth_factor2": 0.25,
            "noise_threshold2": 0.01,
            "upsample_times": 3,
            "use_cif1_cnn": False,
            "upsample_type": "cnn_blstm",
        },
        **_FRONTEND,
        **_CHARACTER_TOKENIZER,
    }


def _sensevoice(folder: Path) -> Config:
    _write_cmvn(folder, 560)
    _train_sentencepiece(folder)
    return {
        "model": "SenseVoiceSmall",
        "model_conf": {
            "length_normalized_loss": True,
            "sos": 1,
            "eos": 2,
            "ignore_id": -1,
        },
        "encoder": "SenseVoiceEncoderSmall",
        "encoder_conf": {**_ENCODER, "tp_blocks": 1},
        **_FRONTEND,
        "tokenizer": "SentencepiecesTokenizer",
        "tokenizer_conf": {"bpemodel": None, "unk_symbol": "<unk>", "split_with_space": True},
    }


def _nano(folder: Path) -> Config:
    _write_cmvn(folder, 560)
    _write_qwen(folder / "Qwen3-0.6B")
    metas = {
        "init_param": "model.pt",
        "config": "config.yaml",
        "frontend_conf": {"cmvn_file": "am.mvn"},
        "llm_conf": {"init_param_path": "Qwen3-0.6B"},
        "tokenizer_conf": {"init_param_path": "Qwen3-0.6B"},
    }
    description = {
        "framework": "pytorch",
        "task": "auto-speech-recognition",
        "model": {"type": "funasr"},
        "file_path_metas": metas,
    }
    (folder / "configuration.json").write_text(json.dumps(description), "utf-8")
    return {
        "model": "FunASRNano",
        "model_conf": {"lsm_weight": 0.1, "length_normalized_loss": True},
        "audio_encoder": "SenseVoiceEncoderSmall",
        "audio_encoder_conf": {**_ENCODER, "tp_blocks": 1, "freeze": True},
        "llm": "Qwen3-0.6b",
        "llm_conf": {"hub": "hf", "freeze": True, "llm_dtype": "fp32", "init_param_path": None},
        "audio_adaptor": "Transformer",
        "audio_adaptor_conf": {
            "downsample_rate": 1,
            "use_low_frame_rate": True,
            "ffn_dim": 2 * DIM,
            "llm_dim": 2 * DIM,
            "encoder_dim": DIM,
            "n_layer": 1,
            "freeze": True,
        },
        "frontend": "WavFrontend",
        "frontend_conf": {**_FRONTEND["frontend_conf"], "cmvn_file": None},
        "dataset_conf": {"do_think": False, "sys_prompt": True},
        "tokenizer": "HuggingfaceTokenizer",
        "tokenizer_conf": {"init_param_path": None},
    }


def _ct_punc(folder: Path) -> Config:
    tokens = ["<blank>", "<s>", "</s>", *CHARACTERS, "hello", "world", "<unk>"]
    _write_json(folder / "tokens.json", tokens)
    return {
        "model": "CTTransformer",
        "model_conf": {
            "ignore_id": 0,
            "embed_unit": DIM,
            "att_unit": DIM,
            "dropout_rate": 0.1,
            "punc_list": ["<unk>", "_", "，", "。", "？", "、"],
            "punc_weight": [1.0] * 6,
            "sentence_end_id": 3,
        },
        "encoder": "SANMEncoder",
        "encoder_conf": {
            **_ENCODER,
            "input_size": DIM,
            "attention_dropout_rate": 0.0,
            "padding_idx": 0,
        },
        **_CHARACTER_TOKENIZER,
    }


def _emotion2vec(folder: Path) -> Config:
    (folder / "tokens.txt").write_text("\n".join(EMOTION_TOKENS) + "\n", "utf-8")
    return {
        "model": "Emotion2vec",
        "model_conf": {
            "loss_beta": 0.0,
            "loss_scale": None,
            "depth": 2,
            "start_drop_path_rate": 0.0,
            "end_drop_path_rate": 0.0,
            "num_heads": 4,
            "norm_eps": 1e-05,
            "norm_affine": True,
            "encoder_dropout": 0.1,
            "post_mlp_drop": 0.1,
            "attention_dropout": 0.1,
            "activation_dropout": 0.0,
            "dropout_input": 0.0,
            "layerdrop": 0.05,
            "embed_dim": DIM,
            "mlp_ratio": 2.0,
            "layer_norm_first": False,
            "end_of_block_targets": False,
            "average_top_k_layers": 2,
            "clone_batch": 8,
            "normalize": True,
            "modalities": {"audio": _EMOTION2VEC_AUDIO},
        },
        **_CHARACTER_TOKENIZER,
    }


_EMOTION2VEC_AUDIO: Config = {
    "type": "AUDIO",
    "prenet_depth": 2,
    "prenet_layerdrop": 0.0,
    "prenet_dropout": 0.1,
    "start_drop_path_rate": 0.0,
    "end_drop_path_rate": 0.0,
    "num_extra_tokens": 3,
    "init_extra_token_zero": True,
    "mask_noise_std": 0.01,
    "mask_prob_min": None,
    "mask_prob": 0.5,
    "inverse_mask": False,
    "mask_prob_adjust": 0.05,
    "keep_masked_pct": 0.0,
    "mask_length": 5,
    "add_masks": False,
    "remove_masks": False,
    "mask_dropout": 0.0,
    "encoder_zero_mask": True,
    "mask_channel_prob": 0.0,
    "mask_channel_length": 64,
    "ema_local_encoder": False,
    "local_grad_mult": 1.0,
    "use_alibi_encoder": True,
    "alibi_scale": 1.0,
    "learned_alibi": False,
    "alibi_max_pos": None,
    "learned_alibi_scale": True,
    "learned_alibi_scale_per_head": True,
    "learned_alibi_scale_per_layer": False,
    "num_alibi_heads": 4,
    "model_depth": 2,
    "decoder": None,
    "extractor_mode": "layer_norm",
    "feature_encoder_spec": f"[({DIM}, 10, 5)] + [({DIM}, 3, 2)] * 4 + [({DIM},2,2)] * 2",
    "conv_pos_width": 95,
    "conv_pos_groups": 4,
    "conv_pos_depth": 5,
    "conv_pos_pre_ln": False,
}

FAMILIES: dict[str, Callable[[Path], Config]] = {
    "fsmn-vad": _fsmn_vad,
    "paraformer": _paraformer,
    "seaco": _seaco,
    "sensevoice": _sensevoice,
    "nano": _nano,
    "ct-punc": _ct_punc,
    "emotion2vec": _emotion2vec,
}


def _write_paraformer_tokens(folder: Path) -> list[str]:
    tokens = ["<blank>", "<s>", "</s>", *CHARACTERS, "hello@@", "world", "a", "<unk>"]
    _write_json(folder / "tokens.json", tokens)
    return tokens


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


def _write_cmvn(folder: Path, dim: int) -> None:
    """Kaldi's text form of a global mean and variance normalisation."""
    shift, scale = " ".join(["-8.0"] * dim), " ".join(["0.2"] * dim)
    (folder / "am.mvn").write_text(
        f"<Nnet>\n<Splice> {dim} {dim}\n[ 0 ]\n"
        f"<AddShift> {dim} {dim}\n<LearnRateCoef> 0 [ {shift} ]\n"
        f"<Rescale> {dim} {dim}\n<LearnRateCoef> 0 [ {scale} ]\n</Nnet>\n"
    )


def _train_sentencepiece(folder: Path) -> None:
    import sentencepiece

    rng = np.random.default_rng(SEED)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["".join(rng.choice(CHARACTERS, 12)) for _ in range(800)]),
        model_prefix=str(folder / "bpe"),
        vocab_size=len(CHARACTERS) + len(SENSEVOICE_TAGS) + 30,
        model_type="bpe",
        character_coverage=1.0,
        pad_id=-1,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        user_defined_symbols=list(SENSEVOICE_TAGS),
        minloglevel=2,
    )
    (folder / "bpe.vocab").unlink()


def _write_qwen(folder: Path) -> None:
    """Byte-level tokenizer and configuration of a Qwen3 with two small layers."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    spoken = ["system You are a helpful assistant. user 语音转写成中文:热词列表", *CHARACTERS * 2]
    tokenizer.train_from_iterator(spoken, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",  # noqa: S106
        pad_token="<|endoftext|>",  # noqa: S106
        additional_special_tokens=["<|im_start|>"],
    )
    fast.save_pretrained(folder)
    Qwen3Config(
        vocab_size=len(fast),
        hidden_size=2 * DIM,
        intermediate_size=2 * DIM,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=2048,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        bos_token_id=None,
        tie_word_embeddings=True,
        initializer_range=0.3,
    ).save_pretrained(folder)


def _save_random_weights(folder: Path) -> None:
    """Let funasr build the model of `folder`, seeded, and keep the weights it begins with."""
    import torch
    from funasr.auto.auto_model import AutoModel

    config: Config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    for section, key, name in (
        ("tokenizer_conf", "token_list", "tokens.json"),
        ("tokenizer_conf", "token_list", "tokens.txt"),
        ("tokenizer_conf", "bpemodel", "bpe.model"),
        ("frontend_conf", "cmvn_file", "am.mvn"),
        ("llm_conf", "init_param_path", "Qwen3-0.6B"),
        ("tokenizer_conf", "init_param_path", "Qwen3-0.6B"),
    ):
        if (folder / name).exists():
            config.setdefault(section, {})[key] = str(folder / name)
    threads = torch.get_num_threads()
    # With model_conf given, build_model asks no hub.
    model, _ = AutoModel.build_model(**config, device="cpu", ncpu=threads, seed=SEED)
    torch.save({"model": model.state_dict()}, folder / "model.pt")
