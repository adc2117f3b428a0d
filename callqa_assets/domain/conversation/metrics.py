"""Metrics of a conversation: talk, silence, overlap, turns, delays, speaking rate, emotions.

All times are whole milliseconds inside, so that on two channels
talk + talk - overlap + silence + hold = conversation holds exactly. All shares refer to the
conversation: from the first word of anybody to the last. What cannot be known is None, never 0:
overlaps and interruptions of a recording that has not one speaker a channel.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from callqa_assets.domain.conversation.spans import Span, find_spans, find_words, to_ms
from callqa_assets.domain.conversation.turns import (
    Speaker,
    Turn,
    count_interruptions,
    find_speakers,
    find_turns,
    overlaps,
)
from callqa_assets.domain.text.patterns import fold
from callqa_assets.domain.text.spoken_text import SpokenSegment

NEGATIVE = ("angry", "disgusted", "fearful", "sad")
"""Emotions of a dissatisfied caller, as far as a voice shows it."""


@dataclass(frozen=True)
class MetricSettings:
    """Thresholds; part of the fingerprint of what is stored."""

    long_silence_s: float = 3.0
    """As Amazon Connect's 'non-talk time', without hold time."""
    longer_silence_s: float = 5.0
    """As Google's CX Insights."""
    long_overlap_s: float = 0.3
    min_rate_units: int = 5
    """Shorter turns say nothing about the speaking rate."""
    min_level_segments: int = 3
    min_labelled_s: float = 3.0
    """Labelled speech without which a share of emotions is None."""
    final_s: float = 20.0
    """The end of a speaker's speech that counts as final: it predicts satisfaction best (Chowdhury,
    Interspeech 2016)."""
    conflict_posterior: float = 0.6
    conflict_s: float = 1.5
    polite: tuple[str, ...] = (
        "谢谢",
        "感谢",
        "麻烦您",
        "麻烦你",
        "不好意思",
        "没关系",
        "您好",
        "thank you",
        "thanks",
        "please",
    )

    @property
    def params(self) -> dict[str, Any]:
        return {**asdict(self), "polite": list(self.polite)}


class EmotionSpan(NamedTuple):
    """One emotion on a channel for a while; seconds from the recording's start."""

    channel: int
    start_s: float
    end_s: float
    emotion: str
    """`unknown`: the model abstains."""
    confidence: float


class Stretch(NamedTuple):
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Call:
    """What the metrics are computed from."""

    roles: Mapping[int, str]
    """Role by channel."""
    duration_s: float
    segments: Sequence[SpokenSegment]
    emotions: Sequence[EmotionSpan] = ()
    music: Sequence[Stretch] = ()
    """Music and tones on any channel."""
    holds: Sequence[Stretch] | None = None
    """When the call was on hold, as the phone platform says; None: it says nothing."""


Row = dict[str, Any]


@dataclass(frozen=True)
class CallMetrics:
    """Rows of the four tables, without the recording."""

    call: Row
    channels: list[Row]
    quarters: list[Row]
    conflicts: list[Row]


_MAY_BE_UNKNOWN = (
    "lead_silence_s",
    "tail_silence_s",
    "silence_s",
    "music_s",
    "hold_s",
    "silence_over_3s_s",
    "silence_over_5s_s",
    "silences_over_3s",
    "longest_silence_s",
    "overlap_s",
    "overlap_share",
    "talk_balance",
    "response_delays",
    "response_delay_median_s",
    "response_delay_p90_s",
    "final_emotion",
    "final_negative_share",
)


def measure(call: Call, settings: MetricSettings) -> CallMetrics:
    """The metrics of one call."""
    spans = {
        channel: find_spans([segment for segment in call.segments if segment.channel == channel])
        for channel in call.roles
    }
    spoken = {channel: found.spans for channel, found in spans.items() if found.spans}
    every = sorted(span for own in spoken.values() for span in own)
    start_ms = every[0].start_ms if every else None
    end_ms = max(span.end_ms for span in every) if every else None
    speakers = _find_speakers(call.roles, spoken)
    agent, customer = _channel_of(call.roles, "agent"), _channel_of(call.roles, "customer")

    row: Row = {
        **dict.fromkeys(_MAY_BE_UNKNOWN),
        "time_basis": "words",
        "conversation_start_s": _s(start_ms),
        "conversation_end_s": _s(end_ms),
        "unheard_s": _s(sum(found.unheard_ms for found in spans.values())),
        "turns": sum(len(speaker.turns) for speaker in speakers.values()),
    }
    conversation_ms = 0
    if start_ms is not None and end_ms is not None:
        conversation_ms = end_ms - start_ms
        row |= _measure_silence(call, every, start_ms, end_ms, settings)
        row |= {
            "lead_silence_s": _s(start_ms),
            "tail_silence_s": _s(max(0, to_ms(call.duration_s) - end_ms)),
        }
    row["conversation_s"] = _s(conversation_ms)
    if agent is not None and customer is not None:
        both = overlaps(spoken.get(agent, ()), spoken.get(customer, ()))
        row["overlap_s"] = _s(sum(both))
        row["overlap_share"] = _share(sum(both), conversation_ms)
        talk = [_length(spoken.get(channel, ())) for channel in (agent, customer)]
        row["talk_balance"] = _share(talk[0], sum(talk))
        delays = _find_delays(speakers.get(agent), speakers.get(customer))
        row["response_delays"] = len(delays)
        row["response_delay_median_s"] = _s(_quantile(delays, 0.5))
        row["response_delay_p90_s"] = _s(_quantile(delays, 0.9))

    quarters: list[Row] = []
    channels: list[Row] = []
    for channel, role in sorted(call.roles.items()):
        own_emotions = [span for span in call.emotions if span.channel == channel]
        own_quarters = _measure_quarters(own_emotions, start_ms, end_ms, settings)
        quarters += [{"channel": channel, "role": role, **quarter} for quarter in own_quarters]
        channels.append(
            {
                "channel": channel,
                "role": role,
                **_measure_channel(
                    [s for s in call.segments if s.channel == channel],
                    speakers.get(channel, Speaker([], [])),
                    spoken.get(channel, ()),
                    conversation_ms,
                    settings,
                ),
                **_measure_emotions(own_emotions, own_quarters, settings),
            }
        )
        if agent is not None and customer is not None and channel in (agent, customer):
            other = customer if channel == agent else agent
            channels[-1] |= _measure_talk_over(
                speakers.get(channel), speakers.get(other), spoken, channel, other, settings
            )
    whose = customer if customer is not None else _channel_of(call.roles, "mixed")
    if whose is not None:
        own = [span for span in call.emotions if span.channel == whose]
        row |= _measure_final(own, settings)
    conflicts = _find_conflicts(call, settings)
    row["tone_text_conflicts"] = len(conflicts)
    return CallMetrics(row, channels, quarters, conflicts)


def _find_speakers(
    roles: Mapping[int, str], spoken: Mapping[int, Sequence[Span]]
) -> dict[int, Speaker]:
    """Turns and backchannels by channel; of other than two channels without regard to others."""
    if len(roles) == 2:
        one, other = sorted(roles)
        sides = find_speakers(spoken.get(one, ()), spoken.get(other, ()))
        return dict(zip((one, other), sides, strict=True))
    return {channel: Speaker(find_turns(spans), []) for channel, spans in spoken.items()}


def _channel_of(roles: Mapping[int, str], role: str) -> int | None:
    """The one channel with the role, or None."""
    channels = [channel for channel, known in roles.items() if known == role]
    return channels[0] if len(channels) == 1 else None


def _measure_silence(
    call: Call, every: Sequence[Span], start_ms: int, end_ms: int, settings: MetricSettings
) -> Row:
    """Silence: nobody speaks, inside the conversation and outside of holds."""
    gaps = _subtract(start_ms, end_ms, [(s.start_ms, s.end_ms) for s in every])
    holds = None
    if call.holds is not None:
        holds = [(to_ms(hold.start_s), to_ms(hold.end_s)) for hold in call.holds]
    silences = [part for begin, end in gaps for part in _subtract(begin, end, sorted(holds or ()))]
    lengths = [end - begin for begin, end in silences]
    music = sorted((to_ms(m.start_s), to_ms(m.end_s)) for m in call.music)
    without_music = sum(
        end - begin for silence in silences for begin, end in _subtract(*silence, music)
    )
    long_ms, longer_ms = to_ms(settings.long_silence_s), to_ms(settings.longer_silence_s)
    return {
        "silence_s": _s(sum(lengths)),
        "music_s": _s(sum(lengths) - without_music),
        "hold_s": None
        if holds is None
        else _s(sum(end - begin for begin, end in gaps) - sum(lengths)),
        "silence_over_3s_s": _s(sum(length for length in lengths if length > long_ms)),
        "silence_over_5s_s": _s(sum(length for length in lengths if length > longer_ms)),
        "silences_over_3s": sum(length > long_ms for length in lengths),
        "longest_silence_s": _s(max(lengths, default=0)),
    }


def _subtract(begin: int, end: int, taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of `begin` to `end` without the stretches `taken`, ascending by start."""
    left: list[tuple[int, int]] = []
    for start, stop in taken:
        if start >= end:
            break
        if start > begin:
            left.append((begin, min(start, end)))
        begin = max(begin, stop)
    if begin < end:
        left.append((begin, end))
    return left


def _measure_channel(
    segments: Sequence[SpokenSegment],
    speaker: Speaker,
    spans: Sequence[Span],
    conversation_ms: int,
    settings: MetricSettings,
) -> Row:
    talk_ms = _length(spans)
    counted = [turn for turn in speaker.turns if turn.units >= settings.min_rate_units]
    rates = [turn.units / (turn.spoken_ms / 60_000) for turn in counted]
    levels = [segment.level_dbfs for segment in segments]
    knows_level = len(levels) >= settings.min_level_segments
    middle = median(levels) if levels else None
    high = _quantile(levels, 0.95)
    return {
        "talk_s": _s(talk_ms),
        "talk_share": _share(talk_ms, conversation_ms),
        "turns": len(speaker.turns),
        "chars": sum(turn.units for turn in counted),
        "chars_per_min_median": _rounded(_quantile(rates, 0.5), 1),
        "chars_per_min_p90": _rounded(_quantile(rates, 0.9), 1),
        "overlaps_over_300ms": None,
        "interruptions": None,
        "interruptions_yielded": None,
        "interruptions_per_10min": None,
        "backchannels": None,
        "level_median_dbfs": _rounded(middle, 2),
        "level_rise_db": _rounded(high - middle, 2)
        if knows_level and high is not None and middle is not None
        else None,
    }


def _measure_talk_over(
    speaker: Speaker | None,
    other: Speaker | None,
    spoken: Mapping[int, Sequence[Span]],
    channel: int,
    other_channel: int,
    settings: MetricSettings,
) -> Row:
    """What only two channels with a speaker each can show."""
    own, others = spoken.get(channel, ()), spoken.get(other_channel, ())
    own_turns = speaker.turns if speaker else []
    found = count_interruptions(own_turns, other.turns if other else [])
    others_minutes = _length(others) / 60_000
    return {
        "overlaps_over_300ms": _count_begun_overlaps(own, others, to_ms(settings.long_overlap_s)),
        "interruptions": found.interruptions,
        "interruptions_yielded": found.yielded,
        "interruptions_per_10min": _rounded(10 * found.interruptions / others_minutes, 2)
        if others_minutes
        else None,
        "backchannels": len(speaker.backchannels) if speaker else 0,
    }


def _count_begun_overlaps(own: Sequence[Span], others: Sequence[Span], longer_ms: int) -> int:
    """Overlaps that this channel began: it started to speak while the other spoke."""
    starts = [other.start_ms for other in others]
    begun = 0
    for span in own:
        before = bisect_left(starts, span.start_ms) - 1
        if before >= 0:
            overlap_ms = min(span.end_ms, others[before].end_ms) - span.start_ms
            begun += overlap_ms >= longer_ms
    return begun


def _find_delays(agent: Speaker | None, customer: Speaker | None) -> list[int]:
    """From the end of each customer's turn to the agent's, where that is next; ms, may be < 0."""
    turns: list[tuple[int, bool, Turn]] = sorted(
        [(turn.start_ms, False, turn) for turn in (customer.turns if customer else ())]
        + [(turn.start_ms, True, turn) for turn in (agent.turns if agent else ())]
    )
    return [
        after.start_ms - before.end_ms
        for (_, by_agent, before), (_, then_agent, after) in pairwise(turns)
        if then_agent and not by_agent
    ]


def _measure_quarters(
    emotions: Sequence[EmotionSpan],
    start_ms: int | None,
    end_ms: int | None,
    settings: MetricSettings,
) -> list[Row]:
    """Quarters of the conversation, the same for every channel."""
    if start_ms is None or end_ms is None:
        return []
    spans = [(span.emotion, to_ms(span.start_s), to_ms(span.end_s)) for span in emotions]
    borders = [start_ms + round((end_ms - start_ms) * n / 4) for n in range(5)]
    return [
        {
            "quarter": number,
            "start_s": _s(begin),
            "end_s": _s(end),
            **_sum_emotions(
                [(emotion, min(end, stop) - max(begin, start)) for emotion, start, stop in spans],
                settings,
            ),
        }
        for number, (begin, end) in enumerate(pairwise(borders), start=1)
    ]


def _sum_emotions(lengths: Sequence[tuple[str, int]], settings: MetricSettings) -> Row:
    """Labelled and negative seconds of (emotion, ms); negative lengths are none."""
    labelled = sum(ms for emotion, ms in lengths if emotion != "unknown" and ms > 0)
    negative = sum(ms for emotion, ms in lengths if emotion in NEGATIVE and ms > 0)
    enough = labelled >= to_ms(settings.min_labelled_s)
    return {
        "labelled_s": _s(labelled),
        "negative_s": _s(negative),
        "negative_share": _share(negative, labelled) if enough else None,
    }


def _measure_emotions(
    emotions: Sequence[EmotionSpan], quarters: Sequence[Row], settings: MetricSettings
) -> Row:
    lengths = [(span.emotion, to_ms(span.end_s) - to_ms(span.start_s)) for span in emotions]
    first, last = (
        (quarters[0]["negative_share"], quarters[-1]["negative_share"])
        if quarters
        else (None, None)
    )
    trend = None if first is None or last is None else round(last - first, 4)
    return {**_sum_emotions(lengths, settings), "trend": trend}


def _measure_final(emotions: Sequence[EmotionSpan], settings: MetricSettings) -> Row:
    """The emotion with the most seconds at the end of the speech."""
    left = to_ms(settings.final_s)
    lengths: list[tuple[str, int]] = []
    for span in sorted(emotions, key=lambda span: span.start_s, reverse=True):
        length = min(left, to_ms(span.end_s) - to_ms(span.start_s))
        if length <= 0:
            break
        lengths.append((span.emotion, length))
        left -= length
    totals: Counter[str] = Counter()
    for emotion, length in lengths:
        if emotion != "unknown":
            totals[emotion] += length
    share = _sum_emotions(lengths, settings)["negative_share"]
    final = max(totals, key=lambda name: (totals[name], name)) if share is not None else None
    return {"final_emotion": final, "final_negative_share": share}


def _find_conflicts(call: Call, settings: MetricSettings) -> list[Row]:
    """Spans that sound angry while their own words are polite."""
    found: list[Row] = []
    numbers: Counter[int] = Counter()
    for span in call.emotions:
        if (
            span.channel not in call.roles
            or span.emotion != "angry"
            or span.confidence < settings.conflict_posterior
            or span.end_s - span.start_s < settings.conflict_s
        ):
            continue
        begin, end = to_ms(span.start_s), to_ms(span.end_s)
        said = "".join(
            word
            for segment in call.segments
            if segment.channel == span.channel
            and segment.start_s < span.end_s
            and segment.end_s > span.start_s
            for start_ms, end_ms, word in find_words(segment)
            if start_ms < end and end_ms > begin
        )
        folded = fold(said)
        phrase = next((phrase for phrase in settings.polite if fold(phrase) in folded), None)
        if phrase is not None:
            found.append(
                {
                    "channel": span.channel,
                    "conflict_no": numbers[span.channel],
                    "role": call.roles[span.channel],
                    "start_s": span.start_s,
                    "end_s": span.end_s,
                    "phrase": phrase,
                    "posterior": span.confidence,
                }
            )
            numbers[span.channel] += 1
    return found


def _length(spans: Sequence[Span]) -> int:
    return sum(span.end_ms - span.start_ms for span in spans)


def _quantile(values: Sequence[float], share: float) -> float | None:
    """Linear between the two nearest; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _s(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 3)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
