"""Stage `scripts`: which items of its scripts a call meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.scripts.evaluate import Call, Check, ScriptChecker
from callqa_assets.domain.text import pinyin
from callqa_assets.stages.contract import BatchResult, Stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.stages.spoken_segments import read_spoken_segments
from callqa_assets.stages.stored_calls import call_context
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs
from callqa_assets.warehouse.results import Rows, rows_writer
from resources.storage.config_files import read_scripts_file

CODE_VERSION = "1"

INPUTS = StageInputs(
    stage="scripts",
    upstream=("segments", "transcripts"),
    # A script may be for the calls of a queue, a line, an agent, a language or an hour.
    facts=lambda recording: {"metadata": recording.metadata_version},
)


def _build(context: StageContext) -> Stage[None, Rows]:
    """The scripts file over the stored transcripts. Raises ScriptsError where the file is bad."""
    scripts = read_scripts_file(context.configs / "scripts.yaml")
    checker, calendar = ScriptChecker(scripts), context.home.calendar

    def compute(batch: Sequence[tuple[Recording, None]]) -> BatchResult[Rows]:
        recordings = [recording for recording, _ in batch]
        with context.warehouse.read() as connection:
            spoken = read_spoken_segments(connection, [r.recording_id for r in recordings])
        calls = [
            Call(call_context(recording, segments, calendar), segments)
            for recording in recordings
            for segments in [spoken[recording.recording_id]]
        ]
        return BatchResult(
            {
                recording.recording_id: {tables.script_checks: [_row(check) for check in checks]}
                for recording, checks in zip(recordings, checker.check(calls), strict=True)
            }
        )

    return Stage(
        inputs=INPUTS,
        fingerprint=Fingerprint(
            INPUTS.stage,
            CODE_VERSION,
            {"scripts": scripts.scripts_hash, "pinyin": pinyin.VERSION},
        ),
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


def _row(check: Check) -> dict[str, Any]:
    said = check.said
    window_s = check.window_s or (None, None)
    return {
        "script": check.script,
        "item": check.item,
        "outcome": check.outcome,
        "reason": check.reason,
        "needs_review": check.needs_review,
        "expected": check.expected,
        "matched_text": said and said.text,
        "score": said and said.score,
        "channel": said and said.channel,
        "role": said and said.role,
        "start_s": said and said.start_s,
        "end_s": said and said.end_s,
        "window_start_s": window_s[0],
        "window_end_s": window_s[1],
    }


STAGE = StageDefinition(
    name=INPUTS.stage,
    asset="script_checks",
    tables=(tables.script_checks,),
    upstream=INPUTS.upstream,
    code_version=CODE_VERSION,
    build=_build,
    uses_models=False,
)
