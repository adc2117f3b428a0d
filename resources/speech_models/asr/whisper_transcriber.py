"""Whisper base as a transcriber: packs of neighbouring segments, decoded in batches.

Packing segments, and mapping words back to them, is in `domain.audio.packing`; cleanup of the text
in `domain.text.cleanup`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.audio.packing import Pack, PackingConfig, pack_segments
from callqa_assets.domain.audio.segments import SplitConfig, find_quietest_point
from callqa_assets.domain.audio.word_edges import fit_outer_words
from callqa_assets.domain.speech import (
    SAMPLE_RATE_HZ,
    ChannelSound,
    Doubt,
    ModelIdentity,
    SegmentTranscript,
    Span,
    SpeechChannel,
    Word,
)
from callqa_assets.domain.text.cleanup import LoopConfig, compression_ratio, cut_loops, simplify
from callqa_assets.domain.text.stock_phrases import has_letters, is_stock_phrase
from resources.speech_models.asr.spoken_language import (
    LanguageConfig,
    Part,
    Probabilities,
    decide,
    find_improbable,
    find_stretches,
)
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
    language: LanguageConfig = field(default_factory=LanguageConfig)
    prompts: Mapping[str, str] = field(default_factory=lambda: {"zh": "以下是普通话的句子。"})
    """Initial prompt by language; the Chinese one elicits punctuated, simplified characters."""


_STORED_NAMES = {"redecode_s": "hear_again_s", "redecode_confidence": "hear_again_confidence"}
"""Renamed settings, by new name. Stored fingerprints hash the old names, so the identity keeps
them: otherwise every stored transcript would be computed again."""


@dataclass(frozen=True)
class _Job:
    """One pack to be decoded. Without a language, it is decoded only if it is sure of its own."""

    channel_no: int
    waveform: ChannelSound
    pack: Pack
    positions: int
    """Encoder states to decode from, 50 per second, closing included."""
    language: str | None
    recognized: bool = False
    """It is a part of a pack whose language is known."""
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
    part: Part | None
    """What was recognised of its language; None for a pack decoded again or cut."""


@dataclass(frozen=True)
class _Unsure:
    """A pack that waits until the language of its channel is known."""

    part: Part
    windows: Sequence[Probabilities]
    """Languages recognised in windows of the pack."""


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

        Packs of a channel without a language are decoded in their own where they are sure of it,
        and else in that of the channel or call, see `spoken_language`; a pack in which two are
        spoken is cut. Raises ValueError for a language that Whisper does not know and for segments
        that `pack_segments` refuses.
        """
        jobs = [
            job
            for channel_no, channel in enumerate(channels)
            for job in self._jobs(channel_no, channel)
        ]
        decoded: dict[int, list[tuple[Pack, _Decoded]]] = defaultdict(list)
        doubts: dict[int, list[Doubt]] = defaultdict(list)
        waiting: list[tuple[_Job, _Unsure]] = []
        parts: dict[int, list[Part]] = defaultdict(list)
        for job, result in self._decode_all(jobs):
            if isinstance(result, _Unsure):
                waiting.append((job, result))
            else:
                decoded[job.channel_no].append((job.pack, result))
            if result.part is not None and channels[job.channel_no].language is None:
                parts[job.channel_no].append(result.part)
        spoken = self._decide_languages(channels, parts)
        named: list[_Job] = []
        for job, unsure in waiting:
            pieces, found = self._name(job, unsure, *spoken[job.channel_no])
            named += pieces
            doubts[job.channel_no] += found
        for job, result in self._decode_named(named):
            decoded[job.channel_no].append((job.pack, result))
        skipped = [
            job
            for channel_no, channel in enumerate(channels)
            for job in self._find_skipped(channel_no, channel, decoded[channel_no])
        ]
        for job, result in self._decode_named(skipped):
            decoded[job.channel_no].append((job.pack, result))
        for channel_no, channel in enumerate(channels):
            language = channel.language or spoken.get(channel_no, ("", False))[0]
            doubts[channel_no] += self._second_languages(decoded[channel_no], language)
        return [
            [
                _with_edges(self._without_inventions(transcript, segment), channel, segment)
                for transcript, segment in zip(
                    _transcripts(channel.segments, decoded[channel_no], doubts[channel_no]),
                    channel.segments,
                    strict=True,
                )
            ]
            for channel_no, channel in enumerate(channels)
        ]

    def _decide_languages(
        self, channels: Sequence[SpeechChannel], parts: Mapping[int, Sequence[Part]]
    ) -> dict[int, tuple[str, bool]]:
        """The language of each channel that names none, and whether it is doubtful."""
        calls: dict[str | int, list[Part]] = defaultdict(list)
        for channel_no, own in parts.items():
            calls[channels[channel_no].call or channel_no] += own
        return {
            channel_no: decide(own, calls[channels[channel_no].call or channel_no], self._language)
            for channel_no, own in parts.items()
        }

    def _name(
        self, job: _Job, unsure: _Unsure, language: str, doubtful: bool
    ) -> tuple[list[_Job], list[Doubt]]:
        """The job with its language, or one job for each stretch of a language; and what is
        doubtful about it."""
        config, pack = self._language, job.pack
        stretches = find_stretches(unsure.windows, config)
        if not stretches:
            found = (
                [(0.0, unsure.part.seconds)]
                if doubtful
                else [
                    (first * config.hop_s, (stop - 1) * config.hop_s + config.window_s)
                    for first, stop in find_improbable(unsure.windows, language, config)
                ]
            )
            detail = f"perhaps not {language}, in which it was transcribed"
            return [replace(job, language=language, recognized=True)], [
                Doubt("doubtful_language", *_times(pack, start_s, end_s), detail)
                for start_s, end_s in found
            ]
        sound = pack.cut(job.waveform)
        cuts = [0]
        for first, _, _ in stretches[1:]:
            middle_s = (first - 0.5) * config.hop_s + config.window_s / 2
            near = Span(middle_s - config.hop_s, middle_s + config.hop_s)
            cuts.append(round(find_quietest_point(sound, near, SplitConfig()) * SAMPLE_RATE_HZ))
        cuts.append(pack.samples)
        pieces: list[_Job] = []
        for start, stop, (_, _, spoken) in zip(cuts, cuts[1:], stretches, strict=False):
            piece = pack.part(start, stop)
            pieces.append(
                replace(
                    job,
                    pack=piece,
                    positions=self._positions(piece),
                    language=spoken,
                    recognized=True,
                )
            )
        return pieces, []

    def _second_languages(
        self, decoded: Sequence[tuple[Pack, _Decoded]], language: str
    ) -> list[Doubt]:
        """Packs in another language than that of their channel, which may be named for it."""
        doubts: list[Doubt] = []
        for pack, result in decoded:
            heard = result.part.sure_of(self._language) if result.part else None
            if result.language != language:
                detail = f"{result.language} in a call in {language}"
            elif heard not in (None, language):
                detail = f"{heard}, it seems; transcribed in {language}, as the call's facts say"
            else:
                continue
            place = _times(pack, 0.0, pack.samples / SAMPLE_RATE_HZ)
            doubts.append(Doubt("second_language", *place, detail))
        return doubts

    def _without_inventions(
        self, transcript: SegmentTranscript, segment: Span
    ) -> SegmentTranscript:
        """The transcript; without its text where that is none that a caller speaks."""
        if not transcript.text_raw:
            return transcript
        if not has_letters(transcript.text_raw):
            reason = "without a letter or digit"
        elif is_stock_phrase(transcript.text_raw):
            reason = "that is a credit of subtitles"
        elif transcript.confidence < self._config.min_confidence:
            reason = f"of a confidence below {self._config.min_confidence:g}"
        else:
            return transcript
        doubt = Doubt(
            "invented_text", segment.start_s, segment.end_s, f"a text {reason} was left out"
        )
        return replace(
            transcript,
            text_raw="",
            text="",
            words=(),
            confidence=0.0,
            doubts=(*transcript.doubts, doubt),
        )

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
            _Job(
                channel_no,
                channel.waveform,
                alone,
                self._positions(alone),
                result.language,
                True,
                True,
            )
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

    def _decode_all(self, jobs: Sequence[_Job]) -> list[tuple[_Job, _Decoded | _Unsure]]:
        batches = self._batches(jobs)
        with ThreadPoolExecutor(self._model.model.num_workers) as pool:
            results = pool.map(self._decode_batch, batches)
            return [
                pair
                for batch, decoded in zip(batches, results, strict=True)
                for pair in zip(batch, decoded, strict=True)
            ]

    def _decode_named(self, jobs: Sequence[_Job]) -> list[tuple[_Job, _Decoded]]:
        """`_decode_all` for jobs that all have a language."""
        return [
            (job, result) for job, result in self._decode_all(jobs) if isinstance(result, _Decoded)
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

    def _decode_batch(self, jobs: Sequence[_Job]) -> list[_Decoded | _Unsure]:
        states = np.stack([self._encode(job) for job in jobs])
        results: dict[int, _Decoded | _Unsure] = {}
        languages = {row: job.language for row, job in enumerate(jobs) if job.language}
        parts: dict[int, Part] = {}
        fresh = [row for row, job in enumerate(jobs) if not job.recognized]
        for row, probabilities in zip(fresh, self._recognize(states, fresh), strict=True):
            parts[row] = Part(jobs[row].pack.samples / SAMPLE_RATE_HZ, probabilities)
            if row in languages:
                continue  # the metadata names it
            if sure := parts[row].sure_of(self._language):
                languages[row] = sure
            else:
                windows = self._recognize_windows(states[row], parts[row].seconds)
                results[row] = _Unsure(parts[row], windows)
        for language in sorted(set(languages.values())):
            rows = [row for row, spoken in languages.items() if spoken == language]
            words = self._decode(states[rows], [jobs[row] for row in rows], language)
            for row, found in zip(rows, words, strict=True):
                results[row] = _Decoded(language, found, parts.get(row))
        return [results[row] for row in range(len(jobs))]

    @property
    def _language(self) -> LanguageConfig:
        return self._config.language

    def _recognize(self, states: NDArray[np.float32], rows: Sequence[int]) -> list[Probabilities]:
        """Languages by probability for some rows of encoder output, [rows, positions, 512]."""
        from faster_whisper.transcribe import get_ctranslate2_storage

        if not rows:
            return []
        encoded = get_ctranslate2_storage(states[list(rows)])
        return [
            {token.strip("<|>"): probability for token, probability in ranking}
            for ranking in self._model.model.detect_language(encoded)
        ]

    def _recognize_windows(
        self, states: NDArray[np.float32], seconds: float
    ) -> list[Probabilities]:
        """Languages in windows of one pack: its encoder output in parts, which costs one step of
        the decoder for each."""
        per_s = FRAMES_PER_S / 2
        length, hop = round(self._language.window_s * per_s), round(self._language.hop_s * per_s)
        starts = range(0, round(seconds * per_s) - length + 1, hop)
        if not starts:
            return []
        windows = np.stack([states[start : start + length] for start in starts])
        return self._recognize(windows, range(len(windows)))

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


def _times(pack: Pack, start_s: float, end_s: float) -> tuple[float, float]:
    """Times in the channel of a stretch of a pack, from its first segment to its last."""
    return (
        round(pack.place(start_s, start_s)[1], 2),
        round(pack.place(end_s, end_s)[2], 2),
    )


def _transcripts(
    segments: Sequence[Span], decoded: Sequence[tuple[Pack, _Decoded]], doubts: Sequence[Doubt]
) -> list[SegmentTranscript]:
    """One transcript per segment, in order, from the words of the packs.

    A segment in two languages has that of its longer part. A doubt goes to the segment in which it
    begins.
    """
    lengths: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    words: dict[int, list[tuple[_TimedWord, float, float]]] = defaultdict(list)
    for pack, result in decoded:
        for part in pack.segments:
            lengths[part.segment_no][result.language] += part.stop - part.start
        for word in result.words:
            segment_no, start_s, end_s = pack.place(word.start_s, word.end_s)
            words[segment_no].append((word, start_s, end_s))
    ends_s = [segment.end_s for segment in segments]
    of_segment: dict[int, list[Doubt]] = defaultdict(list)
    for doubt in doubts:
        of_segment[min(bisect_right(ends_s, doubt.start_s), len(ends_s) - 1)].append(doubt)
    return [
        _transcript(
            max(lengths[number], key=lengths[number].__getitem__),
            sorted(words[number], key=lambda word: word[1]),
            of_segment[number],
        )
        for number in range(len(segments))
    ]


def _transcript(
    language: str,
    words: Sequence[tuple[_TimedWord, float, float]],
    doubts: Sequence[Doubt],
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
        doubts=tuple(doubts),
    )


def _with_edges(
    transcript: SegmentTranscript, channel: SpeechChannel, segment: Span
) -> SegmentTranscript:
    """With the times at which the first word and the last begin and end in the sound."""
    return replace(transcript, words=fit_outer_words(transcript.words, channel.waveform, segment))


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
