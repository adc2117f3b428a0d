"""Continuous integrate-and-fire (CIF) over a padded batch: the number of tokens, and their times.

The arithmetic of funasr's CIF predictors (Dong & Xu 2020; Gao et al. 2022). funasr's own code loops
over frames and rows, lets the recurrent layer for time stamps run through padding, and fails where
one row of a batch has no token. The weights are those of the model's predictor.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.errors import CallqaError
from resources.speech_models.runtime.device import send

if TYPE_CHECKING:
    import torch

SHIFT_FRAMES = -1.5
"""Offset of a token's start from the frame at which it fires; this and the next two are funasr's
(`ts_prediction_lfr6_standard`)."""
LONGEST_TOKEN_FRAMES = 12
"""Time between two tokens beyond this is silence."""
EDGE_FRAMES = 5
"""More frames than this after the last token are silence; the token ends half-way into it."""

FIRING = 1 - 1e-4
"""Threshold of the integration for time stamps; that for tokens is 1."""


class PredictorError(CallqaError):
    """The model's predictor differs from those of the released models."""


@dataclass(frozen=True)
class Tokens:
    """What the predictor makes of a batch of n rows."""

    embeddings: torch.Tensor
    """[n, most tokens, D]: one acoustic embedding per token, zeros beyond a row's tokens."""
    counts: torch.Tensor
    """[n], int64: tokens of each row."""
    alphas: torch.Tensor
    """[n, T]: weight of each time-stamp frame in units of a token, zeros beyond a row's frames."""


class Predictor:
    """CIF with the tail of CifPredictorV2 and, where present, the time stamps of CifPredictorV3; a
    row's result does not depend on the others."""

    def __init__(self, predictor: Any) -> None:
        """`predictor` is funasr's module. Raises PredictorError where its kind is not supported."""
        kind = type(predictor).__name__
        if kind not in ("CifPredictorV2", "CifPredictorV3"):
            raise PredictorError(f"config.yaml names the predictor {kind}: use a released model")
        self._predictor = predictor
        self.upsampling: int = 1
        """Time-stamp frames per encoder frame."""
        if kind == "CifPredictorV3":
            if predictor.upsample_type != "cnn_blstm" or predictor.use_cif1_cnn:
                raise PredictorError(
                    "config.yaml sets another upsample_type than cnn_blstm, or use_cif1_cnn: "
                    "use a released model"
                )
            self.upsampling = predictor.upsample_times
        if predictor.tail_threshold <= 0 or predictor.threshold != 1:
            raise PredictorError(
                "config.yaml sets no tail_threshold, or another threshold than 1: "
                "use a released model"
            )

    def predict(self, encoded: torch.Tensor, lengths: torch.Tensor) -> Tokens:
        """Tokens (or none) of each row of `encoded` [n, T, D], fp32; `lengths` [n] on the CPU."""
        import torch

        inside = torch.arange(encoded.shape[1])[None] < lengths[:, None]
        inside = send(inside, encoded.device)
        # A single utterance is followed by zeros, which the convolution sees.
        encoded = encoded.masked_fill(~inside[..., None], 0.0)
        alphas = self._add_tail(self._weigh(encoded) * inside, lengths)
        counts, shares = _integrate(alphas)
        embeddings = shares[..., :-1].to(encoded.dtype) @ encoded
        if self.upsampling == 1:
            return Tokens(embeddings, counts, alphas)
        return Tokens(embeddings, counts, self._weigh_finely(encoded, inside, lengths, counts))

    def _weigh(self, encoded: torch.Tensor) -> torch.Tensor:
        """Weight of each frame in units of a token, [n, T]."""
        import torch

        module = self._predictor
        context = torch.relu(module.cif_conv1d(module.pad(encoded.transpose(1, 2))))
        alphas = torch.sigmoid(module.cif_output(context.transpose(1, 2))).squeeze(-1)
        return torch.relu(alphas * module.smooth_factor - module.noise_threshold)

    def _add_tail(self, alphas: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Append a frame to each row, so that a token that has begun at its end is not lost."""
        import torch

        padded = torch.nn.functional.pad(alphas, (0, 1))
        last = send(lengths.long(), alphas.device)[:, None]
        return padded.scatter(1, last, self._predictor.tail_threshold)

    def _weigh_finely(
        self,
        encoded: torch.Tensor,
        inside: torch.Tensor,
        lengths: torch.Tensor,
        counts: torch.Tensor,
    ) -> torch.Tensor:
        """Weights at `upsampling` times the rate; each row sums to its tokens. [n, T · upsampling].

        The recurrent layer gets packed rows: it also runs backward, and must not see padding.
        """
        import torch
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        module = self._predictor
        fine = module.upsample_cnn(encoded.transpose(1, 2)).transpose(1, 2)
        packed = pack_padded_sequence(
            fine, lengths.long() * self.upsampling, batch_first=True, enforce_sorted=False
        )
        context, _ = pad_packed_sequence(
            module.blstm(packed)[0], batch_first=True, total_length=fine.shape[1]
        )
        alphas = torch.sigmoid(module.cif_output2(context)).squeeze(-1)
        alphas = torch.relu(alphas * module.smooth_factor2 - module.noise_threshold2)
        alphas = alphas * inside.repeat_interleave(self.upsampling, dim=1)
        total = alphas.sum(-1, keepdim=True).clamp_min(torch.finfo(alphas.dtype).tiny)
        return alphas * (counts[:, None] / total)


def _integrate(alphas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens [n] of each row, and the share [n, most tokens, T] of each frame in each token.

    Token k integrates the running sum from k to k + 1; a remainder below 1 gives no token.
    """
    import torch

    until = alphas.double().cumsum(-1) if alphas.device.type != "mps" else alphas.cumsum(-1)
    counts = until[:, -1].floor().long()
    number = torch.arange(int(counts.max()), device=alphas.device)[None, :, None]
    start, stop = (until - alphas)[:, None], until[:, None]
    shares = torch.minimum(stop, number + 1) - torch.maximum(start, number)
    return counts, shares.clamp_min_(0.0) * (number < counts[:, None, None])


def find_token_times(
    alphas: NDArray[np.float32], tokens: int, frame_s: float
) -> list[tuple[float, float]]:
    """Start and end in s of each token of one row; `frame_s`: seconds between two `alphas`.

    A token begins where it fires and ends where the next one begins. Where the integration does not
    fire once per token and once after the last, the weights are scaled until it does. Where all
    weights are 0, the tokens share the row evenly.
    """
    if not tokens:
        return []
    if not alphas.sum() > 0:
        edges = np.linspace(0, len(alphas) * frame_s, tokens + 1).tolist()
        return list(pairwise(edges))
    fires = _fires(alphas)
    if len(fires) != tokens + 1:
        fires = _fires(alphas * ((tokens + 1) / alphas.sum(dtype=np.float64)))[: tokens + 1]
    places = [place + SHIFT_FRAMES for place in fires]
    places += [float(len(alphas))] * (tokens + 1 - len(places))
    ends = [min(after, place + LONGEST_TOKEN_FRAMES) for place, after in pairwise(places)]
    if ends[-1] == places[-1]:  # no silence between the last token and the firing after it
        behind = len(alphas) - places[-1]
        ends[-1] = (len(alphas) + places[-1]) / 2 if behind > EDGE_FRAMES else float(len(alphas))
    return [
        (max(0.0, start) * frame_s, max(0.0, end) * frame_s)
        for start, end in zip(places[:-1], ends, strict=True)
    ]


def _fires(alphas: NDArray[np.floating[Any]]) -> list[int]:
    """Frames at which the running sum reaches the next multiple of the threshold."""
    reached = np.floor(np.cumsum(alphas, dtype=np.float64) / FIRING)
    return np.flatnonzero(np.diff(reached, prepend=0.0) > 0).tolist()
