"""Stage `pii`: where personal data stands in the transcripts, and when it is said."""

from collections.abc import Mapping, Sequence
from typing import Any

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.pii.calls import find_in_call
from callqa_assets.domain.text.spoken_text import SpokenSegment
from callqa_assets.stages.contract import BatchResult, Stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.stages.spoken_segments import read_spoken_segments
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs
from callqa_assets.warehouse.results import Rows, rows_writer

CODE_VERSION = "1"

INPUTS = StageInputs(stage="pii", upstream=("segments", "transcripts"), facts=lambda recording: {})

FINGERPRINT = Fingerprint(INPUTS.stage, CODE_VERSION)


def _build(context: StageContext) -> Stage[None, Rows]:
    """The recognisers over the stored transcripts."""

    def compute(batch: Sequence[tuple[Recording, None]]) -> BatchResult[Rows]:
        ids = [recording.recording_id for recording, _ in batch]
        with context.warehouse.read() as connection:
            spoken = read_spoken_segments(connection, ids)
        return BatchResult({i: {tables.pii_spans: _rows(spoken[i])} for i in ids})

    return Stage(
        inputs=INPUTS,
        fingerprint=FINGERPRINT,
        prepare=lambda: None,
        # A batch is read in a few queries, when it is computed.
        load=lambda recording: None,
        compute=compute,
        write=rows_writer(INPUTS.stage),
        batch_audio_s=50_000,
        batch_recordings=256,
        # Hundreds of calls a second, however long they are.
        lease_per_audio_s=0.0,
    )


def _rows(segments: Sequence[SpokenSegment]) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    numbers: dict[tuple[int, int], int] = {}
    for found in find_in_call(segments):
        segment, span = found.segment, found.span
        key = (segment.channel, segment.segment_no)
        numbers[key] = numbers.get(key, -1) + 1
        rows.append(
            {
                "channel": segment.channel,
                "segment_no": segment.segment_no,
                "span_no": numbers[key],
                "role": segment.role,
                "start_char": span.start_char,
                "end_char": span.end_char,
                "raw_start_char": found.raw_start_char,
                "raw_end_char": found.raw_end_char,
                "start_s": found.start_s,
                "end_s": found.end_s,
                "kind": span.kind,
                "checked": span.checked,
                "confidence": span.confidence,
                "part": span.part,
            }
        )
    return rows


STAGE = StageDefinition(
    name=INPUTS.stage,
    asset="pii_spans",
    tables=(tables.pii_spans,),
    upstream=INPUTS.upstream,
    code_version=CODE_VERSION,
    build=_build,
    uses_models=False,
)
