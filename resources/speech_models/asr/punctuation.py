"""ct-punc: marks between the words of a transcript, for families that write none.

funasr punctuates one text at a time and rewrites it (capitals, spaces). Here many texts are read at
once, with the same marks, and marks are only put in: the words stay as they were heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from callqa_assets.domain.speech import ModelIdentity
from resources.speech_models.parts import HubId, HubWeights
from resources.speech_models.runtime.device import Device, MemoryGuard, Precision, send
from resources.speech_models.runtime.funasr_loading import computing, load_model
from resources.speech_models.weights.layouts import COMMON_FILES, Layout

if TYPE_CHECKING:
    import torch

LAYOUT = Layout("ct-punc", "CTTransformer", (*COMMON_FILES, "tokens.*", "jieba_usr_dict?"))

WORDS_AT_ONCE = 20
"""Words added at each step of a long text (`split_size` in funasr); what follows the last sentence
that ended is read again with the next ones."""
MAX_WAITING_WORDS = 200
"""A sentence longer than this ends at its last comma (`cache_pop_trigger_limit`)."""

_NONE = "_"
_ENDS = ("。", "？")
_ASCII = {"，": ",", "。": ".", "？": "?"}


@dataclass
class _Reading:
    """One text on its way through the model."""

    text: str
    words: list[str]
    ids: list[int]
    begun: int = 0
    """First word of the sentence that has not ended."""
    read: int = 0
    """Words that the model has seen."""
    marks: list[str] = field(default_factory=list[str])
    """Of the words before `begun`."""

    @property
    def is_done(self) -> bool:
        return self.begun == len(self.words)

    @property
    def next_ids(self) -> list[int]:
        return self.ids[self.begun : self.read + WORDS_AT_ONCE]

    def take(self, marks: list[str]) -> None:
        """Keep the marks of the sentences that ended; at the end of the text, all."""
        self.read = min(self.read + WORDS_AT_ONCE, len(self.words))
        if self.read < len(self.words):
            marks = marks[: _ended(marks)]
        self.marks += marks
        self.begun += len(marks)


def _ended(marks: list[str]) -> int:
    """How many words belong to sentences that ended; the last two words are still open."""
    for index in range(len(marks) - 2, 1, -1):
        if marks[index] in _ENDS:
            return index + 1
    if len(marks) > MAX_WAITING_WORDS:
        for index in range(len(marks) - 2, 1, -1):
            if marks[index] == "，":
                marks[index] = _ENDS[0]
                return index + 1
    return 0


class CtPunctuator:
    """ct-punc over many texts at once; each text's marks are those that it gets alone."""

    identity: ModelIdentity

    def __init__(
        self, folder: Path, device: Device, weights_sha256: str, *, batch_texts: int = 64
    ) -> None:
        """Raises ModelFolderError for an unusable folder."""
        self.identity = self.identify(weights_sha256, device.precision)
        loaded = load_model(folder, LAYOUT, device)
        self._device = device
        self._memory = MemoryGuard(device)
        self._model = loaded.model
        self._tokenizer = loaded.tokenizer
        self._marks: list[str] = list(loaded.model.punc_list)
        self._user_words: Any = loaded.model.jieba_usr_dict
        self._batch_texts = batch_texts

    @staticmethod
    def identify(weights_sha256: str, precision: Precision) -> ModelIdentity:
        """The punctuator's identity, without loading it."""
        return ModelIdentity("ct-punc", weights_sha256, {"precision": precision})

    def punctuate(self, texts: Sequence[str]) -> list[str]:
        """Each text with marks put in behind its words, ending in one; '' stays ''."""
        readings = [self._begin(text) for text in texts]
        while waiting := [reading for reading in readings if not reading.is_done]:
            waiting.sort(key=lambda reading: len(reading.next_ids))
            for first in range(0, len(waiting), self._batch_texts):
                batch = waiting[first : first + self._batch_texts]
                marks = self._memory.compute([r.next_ids for r in batch], self._read)
                for reading, found in zip(batch, marks, strict=True):
                    reading.take(found)
        return [_write(reading) for reading in readings]

    def _begin(self, text: str) -> _Reading:
        """Characters, or jieba's words where the model came with a dictionary, as in training."""
        from funasr.models.ct_transformer.utils import split_words

        words: list[str] = split_words(text, jieba_usr_dict=self._user_words)
        return _Reading(text, words, list(self._tokenizer.encode(words)) if words else [])

    def _read(self, batch: Sequence[list[int]]) -> list[list[str]]:
        """The mark behind each word."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        lengths = torch.tensor([len(ids) for ids in batch])
        ids = pad_sequence([torch.tensor(ids) for ids in batch], batch_first=True)
        with computing(self._device):
            scores: torch.Tensor = self._model.punc_forward(send(ids, self._device.name), lengths)[
                0
            ]
            best = scores.argmax(-1).cpu().tolist()
        return [
            [self._marks[mark] for mark in row[:length]]
            for row, length in zip(best, lengths.tolist(), strict=True)
        ]


class CtPuncWeights(HubWeights):
    layout: ClassVar[Layout] = LAYOUT
    model: HubId = "iic/punc_ct-transformer_cn-en-common-vocab471067-large"
    revision: str = "v2.0.4"


def _write(reading: _Reading) -> str:
    """Put the marks into the text; the last one ends a sentence."""
    if not reading.words:
        return reading.text
    marks = [mark if mark not in (_NONE, "<unk>") else "" for mark in reading.marks]
    if marks[-1] not in _ENDS:
        marks[-1] = _ENDS[0]
    written: list[str] = []
    position = 0
    for word, mark in zip(reading.words, marks, strict=True):
        end = _find_end(reading.text, position, word)
        written.append(reading.text[position:end])
        written.append(_ASCII.get(mark, mark) if word[0].isascii() else mark)
        position = end
    return "".join([*written, reading.text[position:]])


def _find_end(text: str, position: int, word: str) -> int:
    """Where a word ends that is the next in the text, whatever spaces stand in it."""
    for character in word:
        position = text.index(character, position) + 1
    return position
