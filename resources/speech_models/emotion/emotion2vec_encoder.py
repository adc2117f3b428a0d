"""emotion2vec's encoder over a padded batch: frame features that do not depend on other rows.

funasr computes one utterance at a time, and its padding mask does not suffice for a batch: the
positional convolutions read frames beyond an utterance's end. The weights are those of the model
that funasr loads; batches are formed in `emotion2vec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from callqa_assets.domain.errors import CallqaError

if TYPE_CHECKING:
    import torch

FRAME_SAMPLES = 400
"""25 ms: the receptive field of one frame, and the shortest input."""
SHIFT_SAMPLES = 320
"""20 ms: the distance between the starts of two frames."""

_MASK_ALIGNMENT = 16
"""Rows of the attention bias are aligned to this many elements; else torch copies it per layer."""

_KNOWN: Mapping[str, Any] = {
    "layer_norm_first": False,
    "normalize": True,
    "modalities.audio.extractor_mode": "layer_norm",
    "modalities.audio.conv_pos_pre_ln": False,
    "modalities.audio.use_alibi_encoder": True,
    "modalities.audio.learned_alibi": False,
    "modalities.audio.learned_alibi_scale_per_layer": False,
}
"""The architecture of every published emotion2vec; any other would be computed wrongly."""


class Emotion2vecError(CallqaError):
    """A model that cannot be used; the message says why, and what to use instead."""


class Emotion2vecEncoder:
    """Waveforms → frame features at 50 Hz, in the precision of the model's weights."""

    def __init__(self, model: Any) -> None:
        """`model` is funasr's Emotion2vec, on its device and in its precision, in eval mode.

        Raises Emotion2vecError where its config.yaml describes another architecture.
        """
        from funasr.models.emotion2vec.base import get_alibi
        from omegaconf import OmegaConf

        for key, value in _KNOWN.items():
            if OmegaConf.select(model.cfg, key) != value:
                raise Emotion2vecError(
                    f"config.yaml says model_conf.{key}: {OmegaConf.select(model.cfg, key)}, and "
                    f"callqa computes {value} only: use a published emotion2vec model"
                )
        audio = model.modality_encoders["AUDIO"]
        self._audio = audio
        self._blocks = [*audio.context_encoder.blocks, *model.blocks]
        self._extra_tokens: torch.Tensor | None = audio.extra_tokens
        self._convolutions = [
            (_as_matrix(layer[0].weight), layer[0].stride[0], layer[2][1])
            for layer in audio.local_encoder.conv_layers
        ]
        self.dtype: torch.dtype = self._convolutions[0][0].dtype
        # The bias between neighbouring frames, per head: the slope of ALiBi.
        heads = audio.modality_cfg.num_alibi_heads
        slopes = get_alibi(2, heads)[:, 0, 1].to(audio.alibi_scale.device)
        self._slopes = slopes * audio.alibi_scale.float().clamp_min(0).flatten()

    def encode(self, waveforms: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """Frame features [n, T, D] of waveforms [n, T · 320]; row i has `frames[i]` frames.

        Each waveform must be normalised to mean 0 and variance 1 and followed by zeros; features
        beyond its frames are undefined.
        """
        import torch

        x = self._local_features(waveforms)
        padding = torch.arange(x.shape[1], device=x.device) >= frames[:, None]
        x = x + self._positions(x, padding)
        if self._extra_tokens is not None:
            x = torch.cat([self._extra_tokens.expand(len(x), -1, -1), x], dim=1)
        x = self._audio.context_encoder.norm(x)
        bias = self._attention_bias(padding, extra=x.shape[1] - padding.shape[1])
        for block in self._blocks:
            x = _transform(block, x, bias)
        return x[:, x.shape[1] - padding.shape[1] :]

    def _local_features(self, waveforms: torch.Tensor) -> torch.Tensor:
        """The seven convolutions and the projection, as matrix products over channels-last rows.

        The rows are concatenated: only frames beyond an utterance reach into the next row.
        """
        from torch.nn import functional

        x = waveforms.to(self.dtype).reshape(-1, 1)
        for weights, stride, norm in self._convolutions:
            x = _convolve(x, weights, stride)
            x = functional.gelu(
                functional.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
            )
        _, norm, projection = self._audio.project_features
        return projection(norm(x)).view(len(waveforms), -1, projection.out_features)

    def _positions(self, x: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        """The positional convolutions; before each, frames beyond the utterance are set to 0."""
        beyond = padding[:, None]
        y = x.transpose(1, 2).masked_fill(beyond, 0)
        for block in list(self._audio.relative_positional_encoder)[1:-1]:
            y = block(y).masked_fill_(beyond, 0)
        return y.transpose(1, 2)

    def _attention_bias(self, padding: torch.Tensor, extra: int) -> torch.Tensor:
        """The bias of the attention logits, [n, heads, extra + T, extra + T].

        ALiBi between frames, 0 to and from the extra tokens, -inf to frames beyond the end.
        Computed per batch: funasr's own table grows with the longest and the largest batch.
        """
        import torch

        rows, frames = padding.shape
        length, heads = extra + frames, len(self._slopes)
        aligned = -(-length // _MASK_ALIGNMENT) * _MASK_ALIGNMENT
        bias = torch.zeros(rows, heads, length, aligned, dtype=self.dtype, device=padding.device)
        bias = bias[..., :length]
        position = torch.arange(frames, device=padding.device)
        distance = (position[:, None] - position).abs()
        bias[..., extra:, extra:] = (distance * self._slopes[:, None, None]).to(self.dtype)
        bias[..., extra:].masked_fill_(padding[:, None, None], float("-inf"))
        return bias


def _as_matrix(weight: torch.Tensor) -> torch.Tensor:
    """Weights [out, in, width] of a convolution as [width · in, out]."""
    return weight.permute(2, 1, 0).reshape(-1, weight.shape[0]).contiguous()


def _convolve(x: torch.Tensor, weights: torch.Tensor, stride: int) -> torch.Tensor:
    """Rows [N, in] → [N / stride, out]; windows that reach beyond the last row give zeros."""
    import torch

    channels = x.shape[1]
    width = len(weights) // channels
    count = len(x) // stride
    whole = (len(x) - width) // stride + 1
    windows = x.as_strided((whole, width * channels), (stride * channels, 1))
    y = x.new_empty(count, weights.shape[1])
    torch.mm(windows, weights, out=y[:whole])
    y[whole:] = 0
    return y


def _transform(block: Any, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """One post-norm transformer block."""
    x = block.norm1(x + _attend(block.attn, x, bias))
    return block.norm2(x + block.mlp(x))


def _attend(attention: Any, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    rows, length, width = x.shape
    parts = attention.qkv(x).view(rows, length, 3, attention.num_heads, -1)
    query, key, value = parts.permute(2, 0, 3, 1, 4)
    attended = functional.scaled_dot_product_attention(
        query, key, value, attn_mask=bias, scale=attention.scale
    )
    return attention.proj(attended.transpose(1, 2).reshape(rows, length, width))
