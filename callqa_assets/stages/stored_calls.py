"""Stored calls as input of the alert rules, many calls in few queries.

`domain.rules.engine` evaluates the rules; nothing here computes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.days import Calendar
from callqa_assets.domain.rules.call_input import CallAnnotations, CallContext, Sound, SpokenSegment
from callqa_assets.warehouse.database import Warehouse, chunks
from callqa_assets.warehouse.tables import segments, stage_runs, transcripts
from resources.storage.lake import EmotionLake

STAGES = ("segments", "transcripts", "emotions")


@dataclass(frozen=True)
class StoredCall:
    """What the rules read, and what an alert names as its source."""

    context: CallContext
    annotations: CallAnnotations
    fingerprints: dict[str, str]
    """Stage to the fingerprint of what is stored: which models it came from."""


def load_stored_calls(
    warehouse: Warehouse, lake: EmotionLake, calendar: Calendar, recordings: Sequence[Recording]
) -> list[StoredCall]:
    """These recordings' calls, in their order; all their stages must be stored.

    Raises FileNotFoundError naming a lake file that the ledger names and that is gone.
    """
    ids = [recording.recording_id for recording in recordings]
    spoken: defaultdict[str, list[SpokenSegment]] = defaultdict(list)
    languages: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    roles: dict[tuple[str, int], str] = {}
    artifacts: dict[tuple[str, str], str] = {}
    fingerprints: dict[tuple[str, str], str] = {}
    with warehouse.read() as connection:
        for recording_id, stage, artifact, fingerprint in _read(connection, _ledger, ids):
            artifacts[recording_id, stage] = artifact
            fingerprints[recording_id, stage] = fingerprint
        for recording_id, language, role, *segment in _read(connection, _words, ids):
            row = SpokenSegment._make(segment)
            spoken[recording_id].append(row)
            roles[recording_id, row.channel] = role
            if language:
                languages[recording_id][language] += row.end_s - row.start_s
        sounds: defaultdict[str, list[Sound]] = defaultdict(list)
        for recording_id, *sound in _read(connection, _sounds, ids):
            sounds[recording_id].append(Sound._make(sound))
    tracks = lake.read({i: artifacts[i, "emotions"] for i in ids})
    return [
        StoredCall(
            _context(recording, roles, languages[recording.recording_id], calendar),
            CallAnnotations(
                tracks[recording.recording_id],
                spoken[recording.recording_id],
                sounds[recording.recording_id],
            ),
            {stage: fingerprints[recording.recording_id, stage] for stage in STAGES},
        )
        for recording in recordings
    ]


def _context(
    recording: Recording,
    roles: Mapping[tuple[str, int], str],
    languages: Mapping[str, float],
    calendar: Calendar,
) -> CallContext:
    """The call's facts; its language is the one most spoken where no metadata names it.

    Roles are those of the segments, where the metadata's are wrong: two copies of one mixed
    channel.
    """
    detected = max(languages, key=lambda name: (languages[name], name), default=None)
    language = recording.facts.language or detected
    return CallContext(
        recording_id=recording.recording_id,
        duration_s=recording.duration_s,
        roles=tuple(
            roles.get((recording.recording_id, channel), role)
            for channel, role in enumerate(recording.channel_roles)
        ),
        facts=recording.facts.model_copy(update={"language": language}),
        hour=calendar.localize(recording.started_at).hour,
    )


def _read(connection: sa.Connection, query: sa.Executable, ids: Sequence[str]) -> Iterable[Any]:
    for some in chunks(ids):
        yield from connection.execute(query, {"ids": some})


_ledger = sa.select(
    stage_runs.c.recording_id, stage_runs.c.stage, stage_runs.c.artifact, stage_runs.c.fingerprint
).where(
    stage_runs.c.recording_id.in_(sa.bindparam("ids", expanding=True)),
    stage_runs.c.stage.in_(STAGES),
)

_words = (
    sa.select(
        segments.c.recording_id,
        sa.func.coalesce(transcripts.c.language, ""),
        segments.c.role,
        segments.c.channel,
        segments.c.start_s,
        segments.c.end_s,
        segments.c.level_dbfs,
        sa.func.coalesce(transcripts.c.text, ""),
        sa.func.coalesce(transcripts.c.text_raw, ""),
        # As text: the words of most segments are never parsed.
        sa.func.coalesce(sa.cast(transcripts.c.words, sa.Text), "[]"),
        sa.func.coalesce(sa.cast(transcripts.c.alignment, sa.Text), "[]"),
    )
    .outerjoin(
        transcripts,
        sa.and_(
            transcripts.c.recording_id == segments.c.recording_id,
            transcripts.c.channel == segments.c.channel,
            transcripts.c.segment_no == segments.c.segment_no,
        ),
    )
    .where(
        segments.c.recording_id.in_(sa.bindparam("ids", expanding=True)),
        segments.c.kind == "speech",
    )
    .order_by(segments.c.recording_id, segments.c.channel, segments.c.segment_no)
)

_sounds = (
    sa.select(segments.c.recording_id, segments.c.start_s, segments.c.end_s)
    .where(
        segments.c.recording_id.in_(sa.bindparam("ids", expanding=True)),
        segments.c.kind.in_(("music", "tone")),
    )
    .order_by(segments.c.recording_id, segments.c.channel, segments.c.segment_no)
)
