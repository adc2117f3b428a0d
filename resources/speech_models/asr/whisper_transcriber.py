"""Whisper base as a transcriber: packs of neighbouring segments, decoded in batches.

Packing segments, and mapping words back to them, is in `domain.audio.packing`; cleanup of the text
in `domain.text.cleanup`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.audio.packing import Pack, PackingConfig, pack_segments
from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    ChannelSound,
    ModelIdentity,
    SegmentTranscript,
    SpeechChannel,
    Word,
)
from callqa_assets.domain.text.cleanup import LoopConfig, compression_ratio, cut_loops, simplify
from resources.speech_models.parts import Host, Section
from resources.speech_models.runtime.whisper import (
    FRAMES_PER_S,
    HOP,
    MAX_FRAMES,
    WHISPER_BASE,
    encode,
    encode_silence,
    log_mel,
    open_whisper,
)
from resources.speech_models.weights.hub import Model

if TYPE_CHECKING:
    import ctranslate2
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

_OPENING_MARKS = "\"'“¿([{-"
_CLOSING_MARKS = "\"'.。,，!！?？:：”)]}、"
"""Punctuation that is attached to the word after it, and before it."""


@dataclass(frozen=True)
class WhisperTranscriberConfig:
    packing: PackingConfig = field(default_factory=PackingConfig)
    trailing_silence_s: float = 4.0
    """Silence encoded after a pack."""
    closing_s: float = 1.0
    """After that, encoder states of the last seconds of a silent window: without 7 s of silence or
    these, Whisper does not find the end. They need not be encoded again."""
    bucket_s: float = 2.0
    """Closings are extended to a multiple of this, so that packs of equal length share a batch."""
    batch_audio_s: float = 120.0
    """Audio in one thread's batch, silence included: bounds memory."""
    redecode_s: float = 1.2
    """A segment at least this long (with margins) that has no word after decoding its pack is
    decoded again, alone."""
    redecode_confidence: float = 0.3
    """Lowest confidence at which that second text is kept."""
    min_confidence: float = 0.1
    """Lowest confidence of any text: on noise Whisper repeats its prompt, at about 0.04."""
    beam_size: int = 1
    retry_beam_size: int = 5
    """Beam of the second attempt, for text that the thresholds below reject."""
    retry_no_repeat_tokens: int = 10
    """In the second attempt, no sequence of this many tokens may occur twice."""
    no_speech_threshold: float = 0.6
    """Above it, and with a mean log-probability below `log_prob_threshold`, there is no speech. The
    three thresholds are Whisper's (Radford et al. 2022, section 4.5)."""
    log_prob_threshold: float = -1.0
    compression_ratio_threshold: float = 2.4
    loops: LoopConfig = field(default_factory=LoopConfig)
    prompts: Mapping[str, str] = field(default_factory=lambda: {"zh": "以下是普通话的句子。"})
    """Initial prompt by language; the Chinese one elicits punctuated, simplified characters."""


_STORED_NAMES = {"redecode_s": "hear_again_s", "redecode_confidence": "hear_again_confidence"}
"""Renamed settings, by new name. Stored fingerprints hash the old names, so the identity keeps
them: otherwise every stored transcript would be computed again."""


@dataclass(frozen=True)
class _Job:
    """One pack to be decoded. Without a language, it determines its channel's."""

    channel_no: int
    waveform: ChannelSound
    pack: Pack
    positions: int
    """Encoder states to decode from, 50 per second, closing included."""
    language: str | None
    redecoded: bool = False
    """It had no word after decoding its pack: `redecode_confidence` applies."""


@dataclass(frozen=True)
class _Hypothesis:
    tokens: Sequence[int]
    words: Sequence[str]
    mean_logprob: float
    no_speech_prob: float


@dataclass(frozen=True)
class _TimedWord:
    """A word in its pack's time; `probability` is the mean over its tokens."""

    text: str
    start_s: float
    end_s: float
    probability: float
    tokens: int


@dataclass(frozen=True)
class _Decoded:
    language: str
    words: Sequence[_TimedWord]


class WhisperTranscriber:
    """Transcriber with a loaded Whisper, which the emotion recognizer may share.

    A pack's text depends on its own audio and language alone: padding follows from its own length,
    the rows of a batch are independent, and there is no sampling.
    """

    identity: ModelIdentity

    def __init__(self, model: WhisperModel, config: WhisperTranscriberConfig) -> None:
        self._model = model
        self._config = config
        self._silence = encode_silence(model)
        self.identity = self.identify(config, model.model.compute_type)

    @staticmethod
    def identify(config: WhisperTranscriberConfig, compute_type: str) -> ModelIdentity:
        """The transcriber's identity, without loading it."""
        params = {_STORED_NAMES.get(name, name): value for name, value in asdict(config).items()}
        return ModelIdentity(
            "whisper-base",
            WHISPER_BASE.sha256,
            {**params, "compute_type": compute_type},
        )

    def transcribe(self, channels: Sequence[SpeechChannel]) -> list[list[SegmentTranscript]]:
        """One transcript per segment, in the order given; '' where no speech is recognised.

        A channel without a language gets that of its longest pack. Raises ValueError for a language
        that Whisper does not know and for segments that `pack_segments` refuses.
        """
        leading: list[_Job] = []
        waiting: list[_Job] = []
        for channel_no, channel in enumerate(channels):
            jobs = self._jobs(channel_no, channel)
            if channel.language is None and jobs:
                longest = max(jobs, key=lambda job: job.pack.samples)
                jobs.remove(longest)
                leading.append(longest)
                waiting.extend(jobs)
            else:
                leading.extend(jobs)

        decoded: dict[int, list[tuple[Pack, _Decoded]]] = defaultdict(list)
        for job, result in self._decode_all(leading):
            decoded[job.channel_no].append((job.pack, result))
        named = [replace(job, language=decoded[job.channel_no][0][1].language) for job in waiting]
        for job, result in self._decode_all(named):
            decoded[job.channel_no].append((job.pack, result))
        skipped = [
            job
            for channel_no, channel in enumerate(channels)
            for job in self._find_skipped(channel_no, channel, decoded[channel_no])
        ]
        for job, result in self._decode_all(skipped):
            decoded[job.channel_no].append((job.pack, result))
        return [
            _transcripts(len(channel.segments), decoded[channel_no])
            for channel_no, channel in enumerate(channels)
        ]

    def _find_skipped(
        self, channel_no: int, channel: SpeechChannel, decoded: Sequence[tuple[Pack, _Decoded]]
    ) -> list[_Job]:
        """Segments without a word after decoding a shared pack: Whisper skips some sentences."""
        written = {
            pack.place(word.start_s, word.end_s)[0]
            for pack, result in decoded
            for word in result.words
        }
        return [
            _Job(channel_no, channel.waveform, alone, self._positions(alone), result.language, True)
            for pack, result in decoded
            if len(pack.segments) > 1
            for segment in pack.segments
            if segment.segment_no not in written
            and segment.stop - segment.start >= self._config.redecode_s * SAMPLE_RATE_HZ
            for alone in [Pack((replace(segment, offset=0),))]
        ]

    def _jobs(self, channel_no: int, channel: SpeechChannel) -> list[_Job]:
        language = channel.language
        if language is not None and language not in self._model.supported_languages:
            raise ValueError(f"Whisper knows no language {language!r}; use a code such as zh or en")
        return [
            _Job(channel_no, channel.waveform, pack, self._positions(pack), language)
            for pack in pack_segments(channel.segments, len(channel.waveform), self._config.packing)
        ]

    def _frames(self, pack: Pack) -> int:
        """Mel frames to encode: an even number, trailing silence included."""
        wanted = max(1, pack.samples // HOP) + round(self._config.trailing_silence_s * FRAMES_PER_S)
        return min(MAX_FRAMES, wanted + wanted % 2)

    def _positions(self, pack: Pack) -> int:
        bucket = round(self._config.bucket_s * FRAMES_PER_S / 2)
        wanted = self._frames(pack) // 2 + round(self._config.closing_s * FRAMES_PER_S / 2)
        return min(MAX_FRAMES // 2, math.ceil(wanted / bucket) * bucket)

    def _decode_all(self, jobs: Sequence[_Job]) -> list[tuple[_Job, _Decoded]]:
        batches = self._batches(jobs)
        with ThreadPoolExecutor(self._model.model.num_workers) as pool:
            results = pool.map(self._decode_batch, batches)
            return [
                pair
                for batch, decoded in zip(batches, results, strict=True)
                for pair in zip(batch, decoded, strict=True)
            ]

    def _batches(self, jobs: Sequence[_Job]) -> list[list[_Job]]:
        """Batches of jobs with equal length and language, the longest first."""
        groups: dict[tuple[int, str], list[_Job]] = defaultdict(list)
        for job in jobs:
            groups[job.positions, job.language or ""].append(job)
        batches: list[list[_Job]] = []
        for (positions, _), group in sorted(groups.items(), reverse=True, key=lambda item: item[0]):
            rows = max(1, int(self._config.batch_audio_s * FRAMES_PER_S / 2 / positions))
            batches.extend(group[first : first + rows] for first in range(0, len(group), rows))
        return batches

    def _decode_batch(self, jobs: Sequence[_Job]) -> list[_Decoded]:
        from faster_whisper.transcribe import get_ctranslate2_storage

        states = np.stack([self._encode(job) for job in jobs])
        languages = self._languages(jobs, get_ctranslate2_storage(states))
        decoded: dict[int, _Decoded] = {}
        for language in sorted(set(languages)):
            rows = [row for row, spoken in enumerate(languages) if spoken == language]
            words = self._decode(states[rows], [jobs[row] for row in rows], language)
            decoded.update(zip(rows, (_Decoded(language, found) for found in words), strict=True))
        return [decoded[row] for row in range(len(jobs))]

    def _languages(self, jobs: Sequence[_Job], encoded: ctranslate2.StorageView) -> list[str]:
        named = [job.language for job in jobs if job.language]
        if len(named) == len(jobs):
            return named
        return [
            ranking[0][0].strip("<|>") for ranking in self._model.model.detect_language(encoded)
        ]

    def _encode(self, job: _Job) -> NDArray[np.float32]:
        """Encoder states of a pack and its closing, shape [positions, 512].

        A pack is encoded alone: this costs no more than in a batch, and the closing costs nothing.
        """
        frames = self._frames(job.pack)
        mel = log_mel(self._model, job.pack.cut(job.waveform))[:, :frames]
        padded = np.pad(mel, ((0, 0), (0, frames - mel.shape[1])), constant_values=mel.min())
        states = np.array(encode(self._model, padded[None]))[0]
        closing = job.positions - len(states)
        return np.concatenate([states, self._silence[len(self._silence) - closing :]])

    def _decode(
        self, states: NDArray[np.float32], jobs: Sequence[_Job], language: str
    ) -> list[list[_TimedWord]]:
        """Words of each row of encoder output [rows, frames / 2, 512], all in one language."""
        from faster_whisper.tokenizer import Tokenizer

        tokenizer = Tokenizer(self._model.hf_tokenizer, True, "transcribe", language)
        hypotheses = self._generate(states, tokenizer, beam_size=self._config.beam_size)
        doubtful = [row for row, guess in enumerate(hypotheses) if self._is_doubtful(guess)]
        if doubtful:
            second = self._generate(
                states[doubtful],
                tokenizer,
                beam_size=self._config.retry_beam_size,
                no_repeat_ngram_size=self._config.retry_no_repeat_tokens,
            )
            for row, guess in zip(doubtful, second, strict=True):
                hypotheses[row] = self._better(hypotheses[row], guess)
        spoken = [
            row
            for row, guess in enumerate(hypotheses)
            if guess.tokens and not self._is_silence(guess)
        ]
        words: list[list[_TimedWord]] = [[] for _ in hypotheses]
        if spoken:
            frames = [min(MAX_FRAMES, jobs[row].pack.samples // HOP) for row in spoken]
            tokens = [list(hypotheses[row].tokens) for row in spoken]
            timed = self._align(states[spoken], tokenizer, tokens, frames)
            for row, found in zip(spoken, timed, strict=True):
                if _confidence(found) >= self._least_confidence(jobs[row]):
                    words[row] = found
        return words

    def _least_confidence(self, job: _Job) -> float:
        return self._config.redecode_confidence if job.redecoded else self._config.min_confidence

    def _generate(
        self, states: NDArray[np.float32], tokenizer: Tokenizer, **search: Any
    ) -> list[_Hypothesis]:
        from faster_whisper.transcribe import get_ctranslate2_storage

        opening = self._config.prompts.get(tokenizer.language_code)
        before = tokenizer.encode(opening) if opening else None
        # With time tokens Whisper skips fewer sentences of a pack; the times are not used.
        prompt = self._model.get_prompt(tokenizer, before or [], without_timestamps=False)
        results = self._model.model.generate(
            get_ctranslate2_storage(states),
            [prompt] * len(states),
            return_scores=True,
            return_no_speech_prob=True,
            **search,
        )
        return [self._hypothesis(result, tokenizer) for result in results]

    @staticmethod
    def _hypothesis(result: Any, tokenizer: Tokenizer) -> _Hypothesis:
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        words, _ = tokenizer.split_to_word_tokens(tokens)
        # The score is a mean over the tokens; Whisper also counts the end-of-text token.
        decoded = len(result.sequences_ids[0])
        mean_logprob = result.scores[0] * decoded / (decoded + 1)
        return _Hypothesis(tokens, words, mean_logprob, result.no_speech_prob)

    def _is_silence(self, guess: _Hypothesis) -> bool:
        return (
            guess.no_speech_prob > self._config.no_speech_threshold
            and guess.mean_logprob < self._config.log_prob_threshold
        )

    def _is_doubtful(self, guess: _Hypothesis) -> bool:
        return not self._is_silence(guess) and (
            self._repeats(guess) or guess.mean_logprob < self._config.log_prob_threshold
        )

    def _repeats(self, guess: _Hypothesis) -> bool:
        ratio = compression_ratio("".join(guess.words))
        looped = len(cut_loops(guess.words, self._config.loops)) < len(guess.words)
        return looped or ratio > self._config.compression_ratio_threshold

    def _better(self, first: _Hypothesis, second: _Hypothesis) -> _Hypothesis:
        def rank(guess: _Hypothesis) -> tuple[bool, float]:
            return not self._repeats(guess), guess.mean_logprob

        return max(first, second, key=rank)

    def _align(
        self,
        states: NDArray[np.float32],
        tokenizer: Tokenizer,
        tokens: list[list[int]],
        frames: list[int],
    ) -> list[list[_TimedWord]]:
        """Words timed by cross-attention and dynamic time warping; loops are cut to one turn."""
        from faster_whisper.transcribe import get_ctranslate2_storage, merge_punctuations

        alignments: Any = self._model.find_alignment(
            tokenizer,
            tokens,  # pyright: ignore[reportArgumentType]  # annotated for one row, made for many
            get_ctranslate2_storage(states),
            frames,  # pyright: ignore[reportArgumentType]
        )
        timed: list[list[_TimedWord]] = []
        for alignment in alignments:
            merge_punctuations(alignment, _OPENING_MARKS, _CLOSING_MARKS)
            found = [entry for entry in alignment if entry["word"].strip()]
            kept = cut_loops([entry["word"] for entry in found], self._config.loops)
            timed.append(
                [
                    _TimedWord(
                        found[index]["word"],
                        float(found[index]["start"]),
                        float(found[index]["end"]),
                        float(found[index]["probability"]),
                        len(found[index]["tokens"]),
                    )
                    for index in kept
                ]
            )
        return timed


def _transcripts(
    segments: int, decoded: Sequence[tuple[Pack, _Decoded]]
) -> list[SegmentTranscript]:
    """One transcript per segment, in order, from the words of the packs."""
    languages: dict[int, str] = {}
    words: dict[int, list[tuple[_TimedWord, float, float]]] = defaultdict(list)
    for pack, result in decoded:
        for segment in pack.segments:
            languages[segment.segment_no] = result.language
        for word in result.words:
            segment_no, start_s, end_s = pack.place(word.start_s, word.end_s)
            words[segment_no].append((word, start_s, end_s))
    return [_transcript(languages[segment_no], words[segment_no]) for segment_no in range(segments)]


def _transcript(
    language: str, words: Sequence[tuple[_TimedWord, float, float]]
) -> SegmentTranscript:
    raw = "".join(word.text for word, _, _ in words)
    text = simplify(raw) if language in ("zh", "yue") else raw
    return SegmentTranscript(
        language=language,
        text_raw=raw.strip(),
        text=text.strip(),
        words=[
            Word(written.strip(), round(start_s, 3), round(end_s, 3))
            for written, (_, start_s, end_s) in zip(
                _split_like(text, [word.text for word, _, _ in words]), words, strict=True
            )
        ],
        confidence=_confidence([word for word, _, _ in words]),
    )


def _confidence(words: Sequence[_TimedWord]) -> float:
    """exp(mean token log-probability); 0 without words."""
    tokens = sum(word.tokens for word in words)
    logprob = sum(word.tokens * math.log(max(word.probability, 1e-10)) for word in words)
    return math.exp(logprob / tokens) if tokens else 0.0


def _split_like(text: str, words: Sequence[str]) -> Iterator[str]:
    """`text` split into parts as long as `words`."""
    position = 0
    for word in words:
        yield text[position : position + len(word)]
        position += len(word)


class WhisperPart(Section):
    """Whisper base through CTranslate2, on the CPU."""

    backend: Literal["whisper"]
    compute_type: str = "int8"
    """CTranslate2's precision. Parts that name the same one share one model."""
    settings: WhisperTranscriberConfig = WhisperTranscriberConfig()

    @property
    def longest_s(self) -> float:
        """Longest segment that it decodes, in seconds."""
        return self.settings.packing.window_s

    def models(self, profile: str) -> list[Model]:
        del profile
        return [WHISPER_BASE]

    def identify(self, host: Host) -> ModelIdentity:
        del host
        return WhisperTranscriber.identify(self.settings, self.compute_type)

    def open(self, host: Host) -> WhisperTranscriber:
        return WhisperTranscriber(open_whisper(host, self.compute_type), self.settings)
