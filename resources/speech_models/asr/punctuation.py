"""ct-punc: punctuation of transcripts, for families that write none.

funasr punctuates one text at a time and rewrites it (capitals, spaces). Here many texts are
processed at once, with the same marks, and marks are only inserted: the words stay unchanged.
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
"""Words added at each step of a long text (`split_size` in funasr); words after the last finished
sentence are processed again with the next ones."""
MAX_WAITING_WORDS = 200
"""A sentence longer than this ends at its last comma (`cache_pop_trigger_limit`)."""

_NONE = "_"
_ENDS = ("。", "？")
_ASCII = {"，": ",", "。": ".", "？": "?"}


@dataclass
class _Reading:
    """One text and the state of its processing."""

    text: str
    words: list[str]
    ids: list[int]
    begun: int = 0
    """First word of the unfinished sentence."""
    read: int = 0
    """Words processed by the model."""
    marks: list[str] = field(default_factory=list[str])
    """Marks after each of the words before `begun`."""

    @property
    def is_done(self) -> bool:
        return self.begun == len(self.words)

    @property
    def next_ids(self) -> list[int]:
        return self.ids[self.begun : self.read + WORDS_AT_ONCE]

    def keep(self, marks: list[str]) -> None:
        """Keep the marks of finished sentences; at the end of the text, all of them."""
        self.read = min(self.read + WORDS_AT_ONCE, len(self.words))
        if self.read < len(self.words):
            marks = marks[: _ended(marks)]
        self.marks += marks
        self.begun += len(marks)


def _ended(marks: list[str]) -> int:
    """How many words belong to finished sentences; the last two words are never final."""
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
    """ct-punc for many texts at once; a text's marks do not depend on the others."""

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
        """Each text with marks inserted after its words, the last a 。 or ？; '' stays ''."""
        readings = [self._begin(text) for text in texts]
        while waiting := [reading for reading in readings if not reading.is_done]:
            waiting.sort(key=lambda reading: len(reading.next_ids))
            for first in range(0, len(waiting), self._batch_texts):
                batch = waiting[first : first + self._batch_texts]
                marks = self._memory.compute([r.next_ids for r in batch], self._read)
                for reading, found in zip(batch, marks, strict=True):
                    reading.keep(found)
        return [_write(reading) for reading in readings]

    def _begin(self, text: str) -> _Reading:
        """Split into characters, or jieba's words where the model has a dictionary (as trained)."""
        from funasr.models.ct_transformer.utils import split_words

        words: list[str] = split_words(text, jieba_usr_dict=self._user_words)
        return _Reading(text, words, list(self._tokenizer.encode(words)) if words else [])

    def _read(self, batch: Sequence[list[int]]) -> list[list[str]]:
        """The mark after each word."""
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


def _write(reading: _Reading) -> str:
    """The text with its marks inserted; the last one ends a sentence."""
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
    """The end of `word`, the next word of the text, which may contain spaces there."""
    for character in word:
        position = text.index(character, position) + 1
    return position


class CtPuncWeights(HubWeights):
    layout: ClassVar[Layout] = LAYOUT
    model: HubId = "iic/punc_ct-transformer_cn-en-common-vocab471067-large"
    revision: str = "v2.0.4"
