"""Stage `topics`: where topics are spoken of, and which words each channel uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.domain.text.spoken_text import SpokenSegment, SpokenText
from callqa_assets.domain.topics import terms
from callqa_assets.domain.topics.matching import find_topics
from callqa_assets.domain.topics.topic_set import TopicSet
from callqa_assets.stages.contract import BatchResult, Stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.stages.spoken_segments import read_spoken_segments
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs
from callqa_assets.warehouse.results import Note, Rows, note_rows, rows_writer
from resources.storage.config_files import TOPICS_FILE, read_topics_file

CODE_VERSION = "1"

INPUTS = StageInputs(
    stage="topics",
    upstream=("segments", "transcripts"),
    facts=lambda recording: {"queue": recording.facts.queue},
)


def _build(context: StageContext) -> Stage[None, Rows]:
    """Topics and words of the stored transcripts.

    The fingerprint holds the topics and hotwords themselves: marts read from it what was looked
    for, and by which hotwords the transcripts were made.
    """
    topics = read_topics_file(context.configs / TOPICS_FILE)
    hotwords = context.read_hotwords()
    own_words = tuple(sorted({*topics.phrases, *_all_words(hotwords)}))

    def compute(batch: Sequence[tuple[Recording, None]]) -> BatchResult[Rows]:
        recordings = [recording for recording, _ in batch]
        with context.warehouse.read() as connection:
            spoken = read_spoken_segments(connection, [r.recording_id for r in recordings])
        hits = _find_hits(topics, recordings, spoken)
        return BatchResult(
            {
                r.recording_id: {
                    tables.topic_hits: hits[r.recording_id],
                    tables.call_terms: _count_terms(spoken[r.recording_id], own_words),
                    tables.stage_notes: note_rows(INPUTS.stage, _notes(spoken[r.recording_id])),
                }
                for r in recordings
            }
        )

    return Stage(
        inputs=INPUTS,
        fingerprint=Fingerprint(
            INPUTS.stage,
            CODE_VERSION,
            {
                "topics": {topic.name: topic.search for topic in topics.topics},
                "hotwords": {name: list(words) for name, words in hotwords.lists.items()},
                "terms": terms.VERSION,
            },
        ),
        prepare=lambda: None,
        load=lambda recording: None,
        compute=compute,
        write=rows_writer(INPUTS.stage),
        batch_audio_s=50_000,
        batch_recordings=256,
        lease_per_audio_s=0.0,
    )


def _all_words(hotwords: HotwordLists) -> set[str]:
    return {word for words in hotwords.lists.values() for word in words}


def _find_hits(
    topics: TopicSet,
    recordings: Sequence[Recording],
    spoken: Mapping[str, Sequence[SpokenSegment]],
) -> dict[str, list[dict[str, Any]]]:
    """Rows of `topic_hits` by recording; all calls of the batch are searched at once."""
    places = [(r, segment) for r in recordings for segment in spoken[r.recording_id]]
    found = find_topics(
        topics,
        SpokenText([segment for _, segment in places]),
        [recording.facts.queue for recording, _ in places],
    )
    rows: dict[str, list[dict[str, Any]]] = {r.recording_id: [] for r in recordings}
    numbers: dict[int, int] = {}
    for hit in found:
        recording, segment = places[hit.segment]
        number = numbers.get(hit.segment, 0)
        numbers[hit.segment] = number + 1
        rows[recording.recording_id].append(
            {
                "channel": segment.channel,
                "segment_no": segment.segment_no,
                "hit_no": number,
                "role": segment.role,
                "topic": hit.topic,
                "start_s": hit.start_s,
                "end_s": hit.end_s,
                "text": hit.text,
            }
        )
    return rows


def _count_terms(
    spoken: Sequence[SpokenSegment], own_words: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Rows of `call_terms` of one recording."""
    texts: dict[tuple[int, str], list[str]] = {}
    for segment in spoken:
        said = texts.setdefault((segment.channel, segment.role), [])
        if terms.has_countable_words(segment.language):
            said.append(segment.text)
    return [
        {"channel": channel, "role": role, "terms": terms.count_terms(said, own_words)}
        for (channel, role), said in texts.items()
    ]


def _notes(spoken: Sequence[SpokenSegment]) -> list[Note]:
    languages = {s.language for s in spoken if not terms.has_countable_words(s.language)}
    return [
        Note("words_not_counted", f"{language}: written without spaces between words")
        for language in sorted(languages)
    ]


STAGE = StageDefinition(
    name=INPUTS.stage,
    asset="topics",
    tables=(tables.topic_hits, tables.call_terms, tables.stage_notes),
    upstream=INPUTS.upstream,
    code_version=CODE_VERSION,
    build=_build,
    uses_models=False,
)
