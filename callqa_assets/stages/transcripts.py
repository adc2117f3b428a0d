"""Stage `transcripts`: the text of each segment, with word times."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.speech import SegmentTranscript
from callqa_assets.domain.text import itn
from callqa_assets.domain.text.alignment import chain, find_differences
from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.stages.contract import BatchResult, Stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.stages.segmented_audio import SegmentedAudio, load_segmented
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs
from callqa_assets.warehouse.results import Note, Rows, SegmentKey, note_rows, rows_writer
from callqa_assets.warehouse.search import index_transcripts

CODE_VERSION = "4"

NAME = "transcripts"
UPSTREAM = ("segments",)


def _build(context: StageContext) -> Stage[SegmentedAudio, Rows]:
    """Speech recognition and ITN over the segments of every channel.

    Hotwords of a call and its queue are part of its input where the model accepts any.
    """
    models = context.open_models()
    identity = models.transcriber_identity
    lists = context.read_hotwords() if identity.takes_hotwords else HotwordLists()

    def hotwords_of(recording: Recording) -> tuple[str, ...]:
        own = recording.facts.hotwords if identity.takes_hotwords else None
        return lists.of(recording.facts.queue, own)

    def compute(batch: Sequence[tuple[Recording, SegmentedAudio]]) -> BatchResult[Rows]:
        channels = [channel for _, audio in batch for channel in audio.channels]
        written = iter(models.transcriber().transcribe(channels))
        rows: dict[str, Rows] = {}
        for recording, audio in batch:
            found = [
                (segment, transcript)
                for keys in audio.keys
                for segment, transcript in zip(keys, next(written), strict=True)
            ]
            rows[recording.recording_id] = {
                tables.transcripts: [{**segment, **_row(said)} for segment, said in found],
                tables.stage_notes: note_rows(
                    NAME, [note for segment, said in found for note in _notes(segment, said)]
                ),
            }
        return BatchResult(rows)

    return Stage(
        inputs=StageInputs(
            stage=NAME,
            upstream=UPSTREAM,
            facts=lambda r: {"language": r.facts.language, "hotwords": hotwords_of(r)},
        ),
        fingerprint=Fingerprint.of_model(NAME, CODE_VERSION, identity, itn=itn.VERSION),
        prepare=models.transcriber,
        load=lambda r: load_segmented(context.warehouse, context.archive, r, hotwords_of(r)),
        compute=compute,
        write=_write,
    )


_write_rows = rows_writer(NAME)


def _write(connection: sa.Connection, days: Mapping[str, str], rows: Mapping[str, Rows]) -> None:
    """The transcripts, and what makes them found, in one transaction."""
    _write_rows(connection, days, rows)
    index_transcripts(
        connection,
        days,
        {
            recording_id: [
                (row["channel"], row["segment_no"], row["text"]) for row in own[tables.transcripts]
            ]
            for recording_id, own in rows.items()
        },
    )


def _notes(segment: SegmentKey, transcript: SegmentTranscript) -> list[Note]:
    return [
        Note(doubt.kind, doubt.detail, segment["channel"], doubt.start_s, doubt.end_s)
        for doubt in transcript.doubts
    ]


def _row(transcript: SegmentTranscript) -> dict[str, Any]:
    """The columns of a segment's transcript; numerals of Chinese text become digits."""
    text = transcript.text
    alignment = find_differences(transcript.text_raw, text)
    if transcript.language in ("zh", "yue"):
        normalized = itn.normalize(text)
        text, alignment = normalized.text, chain(alignment, normalized.alignment)
    return {
        "language": transcript.language,
        "text_raw": transcript.text_raw,
        "text": text,
        "alignment": [astuple(piece) for piece in alignment],
        "words": [asdict(word) for word in transcript.words],
        "confidence": transcript.confidence,
        "doubtful_hotwords": list(transcript.doubtful_hotwords),
        "text_without_hotwords": transcript.text_without_hotwords,
    }


STAGE = StageDefinition(
    name=NAME,
    asset="transcripts",
    tables=(tables.transcripts, tables.stage_notes),
    upstream=UPSTREAM,
    code_version=CODE_VERSION,
    build=_build,
)
