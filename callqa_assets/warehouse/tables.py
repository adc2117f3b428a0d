"""The warehouse's tables, as SQLAlchemy Core sees them. Migrations create them.

Every row of a call carries `recording_id` and `day`, and keys are natural, so that writing a row
twice leaves one row. Times are UTC; positions inside a call are seconds from its start.

The comments are the tables' documentation: they become Dagster's column descriptions, PostgreSQL's
comments (`migrations/env.py`) and the tables of docs/data_dictionary.md (`dictionary.py`). They are
Markdown, say what NULL means, and give the unit.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from callqa_assets.domain.emotion.labels import EMOTIONS


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, also on SQLite, which stores no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: the warehouse stores UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Day(sa.types.TypeDecorator[str]):
    """A DATE in the database, the partition key 'YYYY-MM-DD' in Python."""

    impl = sa.Date
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> date | None:
        return None if value is None else date.fromisoformat(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else value.isoformat()


Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NullableJson = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
Id = sa.String(32)
Hash = sa.String(64)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Columns that several tables share. Facts of a recording are repeated on its rows, so that a day
# or a role is found without a join.


def _recording_id(**options: Any) -> sa.Column[str]:
    return sa.Column(
        "recording_id",
        Id,
        sa.ForeignKey("recordings.recording_id"),
        comment="The recording, in `recordings`.",
        **options,
    )


def _day(**options: Any) -> sa.Column[str]:
    return sa.Column(
        "day",
        Day,
        nullable=False,
        comment="Local day on which the call started, as in `recordings`, e.g. `2025-03-14`.",
        **options,
    )


def _channel(**options: Any) -> sa.Column[int]:
    return sa.Column(
        "channel", sa.Integer, comment="Audio channel of the recording, from 0.", **options
    )


def _segment_no() -> sa.Column[int]:
    return sa.Column(
        "segment_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the segment on its channel, from 0.",
    )


def _role() -> sa.Column[str]:
    return sa.Column(
        "role",
        sa.String(32),
        nullable=False,
        comment="Who speaks on the channel: `agent`, `customer`, `mixed` (a mono recording, or one "
        "sound on both channels), "
        "`channel_0`, `channel_1` … (not known), or another word from the call's metadata.",
    )


def _start_s(what: str) -> sa.Column[float]:
    return sa.Column(
        "start_s",
        sa.Double,
        nullable=False,
        comment=f"Start of the {what}, s from the start of the recording, e.g. `2.5`.",
    )


def _end_s(what: str, end: str = "") -> sa.Column[float]:
    return sa.Column(
        "end_s",
        sa.Double,
        nullable=False,
        comment=f"End of the {what}, s from the start of the recording, e.g. `5.5`.{end}",
    )


home = sa.Table(
    "home",
    metadata,
    sa.Column(
        "home_id",
        Id,
        primary_key=True,
        comment="`id` in the home's `callqa.json`; with another home, callqa refuses to work.",
    ),
    comment="The home that the warehouse belongs to: one row.",
)

intake = sa.Table(
    "intake",
    metadata,
    # Bytes: a file name on disk need not be text in any encoding.
    sa.Column(
        "source_path",
        sa.LargeBinary,
        primary_key=True,
        comment="Absolute path at which the file was found, as the bytes of the file system.",
    ),
    sa.Column("size", sa.BigInteger, primary_key=True, comment="Size of the file, bytes."),
    sa.Column(
        "mtime_ns",
        sa.BigInteger,
        primary_key=True,
        comment="Modification time of the file, ns since 1970-01-01 UTC.",
    ),
    sa.Column(
        "drop_root",
        sa.LargeBinary,
        nullable=False,
        comment="Absolute path of the drop folder, as bytes.",
    ),
    sa.Column(
        "name",
        sa.Text,
        nullable=False,
        comment="Path inside the drop folder, as text: what manifests name a recording by.",
    ),
    sa.Column(
        "stem",
        sa.Text,
        nullable=False,
        comment="`name` without its extension: what a sidecar and its recording share.",
    ),
    sa.Column(
        "kind",
        sa.String(10),
        nullable=False,
        comment="`audio`, `sidecar` (`*.json`) or `manifest` (`manifest.csv`, `*.manifest.csv`).",
    ),
    sa.Column(
        "metadata",
        Json,
        nullable=False,
        default=dict,
        comment="Text of the sidecar, row of the manifest, date of the file, time of arrival, and "
        "the `call` that follows from them.",
    ),
    sa.Column(
        "state",
        sa.String(12),
        nullable=False,
        comment="How far the file has come: `seen` (perhaps incomplete), `stable` (complete and "
        "described), `moving`, `ingested`, `copied` (ingested, the original left in place), "
        "`applied` (a sidecar or manifest in use), `replaced` or `gone` before it was ingested.",
    ),
    sa.Column(
        "day",
        Day,
        comment="Local day on which the call started, e.g. `2025-03-14`; NULL until it is known.",
    ),
    sa.Column(
        "recording_id", Id, comment="The recording, in `recordings`; NULL until it is known."
    ),
    sa.Column(
        "archive_path",
        sa.Text,
        comment="Path of the file in the archive, now or after it is moved, relative to the home; "
        "NULL until that is decided.",
    ),
    sa.Column(
        "first_seen_at", UtcDateTime, nullable=False, comment="When it was first listed, UTC."
    ),
    sa.Column(
        "attempts",
        sa.Integer,
        nullable=False,
        default=0,
        comment="How often reading it was begun and not brought to an end; at 3 it goes to the "
        "quarantine unread.",
    ),
    sa.Column(
        "is_recorded",
        sa.Boolean,
        nullable=False,
        default=False,
        comment="Whether the record beside the archived file, from which `callqa rebuild` makes "
        "the rows again, has what is known now.",
    ),
    sa.Column(
        "stable_at", UtcDateTime, comment="When it was found complete, UTC; NULL until then."
    ),
    sa.CheckConstraint("kind IN ('audio', 'sidecar', 'manifest')", name="kind"),
    sa.CheckConstraint(
        "state IN ('seen', 'stable', 'moving', 'ingested', 'copied', 'applied', 'replaced', "
        "'gone')",
        name="state",
    ),
    sa.Index(None, "day", "state"),
    sa.Index(None, "drop_root", "day"),
    sa.Index(None, "drop_root", "state"),
    sa.Index(None, "name"),
    sa.Index(None, "stem"),
    comment="Every file ever found in a drop folder: one row for each version of it.",
)

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column(
        "recording_id",
        Id,
        primary_key=True,
        comment="First 32 hex digits of SHA-256 over the content's SHA-256 and the original file "
        "name, e.g. `61ef425b86ce779d7f861c71d0853e64`.",
    ),
    sa.Column(
        "content_sha256",
        Hash,
        nullable=False,
        comment="SHA-256 of the file, hex, e.g. `5c30e9d6…`. At most one `ok` row has a given one. "
        "Of a file that was given up unread: of its path, size and date.",
    ),
    sa.Column(
        "source_name",
        sa.Text,
        nullable=False,
        comment=r"Path inside the drop folder; bytes that are not UTF-8 are written `\xNN`; e.g. "
        "`20250314-093000_1001_13800138000.wav`.",
    ),
    sa.Column(
        "day",
        Day,
        nullable=False,
        comment="Local day on which the call started: the Dagster partition, e.g. `2025-03-14`.",
    ),
    sa.Column(
        "call_id",
        sa.Text,
        comment="The call's id in the phone platform or order system, e.g. `C-77`; NULL: not "
        "known.",
    ),
    sa.Column(
        "started_at",
        UtcDateTime,
        nullable=False,
        comment="Start of the call, UTC, e.g. `2025-03-14 01:30:00`.",
    ),
    sa.Column(
        "time_source",
        sa.String(10),
        nullable=False,
        comment="Where `started_at` comes from, best first: `sidecar`, `manifest`, `file_name`, "
        "`mtime` (the file's date), `intake` (the moment of arrival).",
    ),
    sa.Column(
        "agent_id",
        sa.Text,
        comment="The agent, as the metadata says, e.g. `1001`; NULL: not known.",
    ),
    sa.Column(
        "customer_id",
        sa.Text,
        comment="The customer, often a phone number, as the metadata says, e.g. `13800138000`; "
        "NULL: not known.",
    ),
    sa.Column(
        "queue", sa.Text, comment="The queue of the call, as the metadata says; NULL: not known."
    ),
    sa.Column(
        "line",
        sa.Text,
        comment="The telephone line, as the metadata says; NULL: not known.",
    ),
    sa.Column(
        "business_line",
        sa.Text,
        comment="The line of business, as the metadata says; NULL: not known.",
    ),
    sa.Column(
        "language",
        sa.String(16),
        comment="ISO 639 code that the metadata or the queue names, e.g. `zh`; NULL: detected, "
        "see `transcripts`.",
    ),
    sa.Column(
        "channels",
        sa.Integer,
        nullable=False,
        comment="Number of audio channels, 1 to 8; 0 where quarantined.",
    ),
    sa.Column(
        "channel_roles",
        Json,
        nullable=False,
        comment='List with one role for each channel, e.g. `["agent", "customer"]`; `[]` where '
        "quarantined.",
    ),
    sa.Column(
        "sample_rate",
        sa.Integer,
        nullable=False,
        comment="Sample rate of the file, Hz, e.g. `8000`; 0 where quarantined.",
    ),
    sa.Column(
        "duration_s",
        sa.Double,
        nullable=False,
        comment="Duration, s, e.g. `6.0`; 0 where quarantined.",
    ),
    sa.Column(
        "codec",
        sa.String(16),
        comment="What sound without a header was read as, by its source's `decode` or its "
        "extension, e.g. `alaw`; NULL: the file says it itself.",
    ),
    sa.Column(
        "codec_rate_hz",
        sa.Integer,
        comment="Sample rate of sound without a header, Hz, e.g. `8000`; NULL as `codec`.",
    ),
    sa.Column(
        "size_bytes",
        sa.BigInteger,
        nullable=False,
        comment="Size of the file, bytes, e.g. `192044`.",
    ),
    sa.Column(
        "archive_path",
        sa.Text,
        nullable=False,
        comment="Path of the file, relative to the home, e.g. `archive/61/61ef….wav`; in "
        "`quarantine/` where quarantined.",
    ),
    sa.Column(
        "metadata",
        Json,
        nullable=False,
        comment="Keys of the sidecar or manifest that have no column here, e.g. "
        '`{"ticket": "T-1"}`; and `notes`: what was wrong with the metadata.',
    ),
    sa.Column(
        "metadata_version",
        Hash,
        nullable=False,
        comment="Hash of everything that the metadata says, e.g. `6e2c3fb1…`; when it changes, "
        "the alerts are computed again.",
    ),
    sa.Column(
        "status",
        sa.String(12),
        nullable=False,
        comment="`ok`; `quarantined`: cannot be read; `duplicate`: the same audio arrived under "
        "another name and is not processed.",
    ),
    sa.Column(
        "reason",
        sa.Text,
        comment="Why the status is not `ok`, e.g. `the file is empty: copy it again …`; where it "
        "is, what was wrong with a file that could be used nevertheless (cut short, clipped), or "
        "NULL.",
    ),
    sa.Column(
        "duplicate_of",
        Id,
        sa.ForeignKey("recordings.recording_id"),
        comment="`recording_id` of the first recording with this audio; NULL: not a duplicate.",
    ),
    sa.Column(
        "legal_hold",
        sa.Boolean,
        nullable=False,
        default=False,
        comment="Reserved for retention; nothing sets or reads it yet.",
    ),
    sa.Column("ingested_at", UtcDateTime, nullable=False, comment="When it was ingested, UTC."),
    sa.Column(
        "run_id",
        sa.String(64),
        nullable=False,
        comment="The Dagster run that ingested it.",
    ),
    sa.CheckConstraint("status IN ('ok', 'quarantined', 'duplicate')", name="status"),
    sa.Index(None, "day", "status"),
    sa.Index(None, "agent_id", "day"),
    # One audio is processed once: the same content under another name is a duplicate.
    sa.Index(
        "uq_recordings_content_ok",
        "content_sha256",
        unique=True,
        sqlite_where=sa.text("status = 'ok'"),
        postgresql_where=sa.text("status = 'ok'"),
    ),
    comment="Every file that was ingested: one row each.",
)

segments = sa.Table(
    "segments",
    metadata,
    _recording_id(primary_key=True),
    _channel(primary_key=True),
    _segment_no(),
    _day(index=True),
    _role(),
    _start_s("segment"),
    _end_s("segment", " Segments of a channel do not overlap; none is longer than 30 s."),
    sa.Column(
        "level_dbfs",
        sa.Double,
        nullable=False,
        comment="RMS level, dB relative to a full-scale square wave, e.g. `-26.02`; -100 for "
        "digital silence.",
    ),
    sa.Column(
        "kind",
        sa.String(10),
        nullable=False,
        comment="What is heard: `speech`; `music` and `tone` (on hold, ring-back, beeps); "
        "`crosstalk` (the other channel's speech, leaked into this one). Only `speech` has rows in "
        "`transcripts` and `emotion_scores`.",
    ),
    sa.CheckConstraint("end_s > start_s AND start_s >= 0", name="order"),
    sa.CheckConstraint("kind IN ('speech', 'music', 'tone', 'crosstalk')", name="kind"),
    comment="Stretches of sound: one row for each segment of a channel.",
)

stage_notes = sa.Table(
    "stage_notes",
    metadata,
    _recording_id(primary_key=True),
    sa.Column(
        "stage",
        sa.String(16),
        primary_key=True,
        comment="The stage that noticed it, e.g. `transcripts`.",
    ),
    sa.Column(
        "note_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the note among those of the stage on the recording, from 0.",
    ),
    _day(index=True),
    sa.Column(
        "note",
        sa.String(32),
        nullable=False,
        comment="What kind of note, e.g. `doubtful_language`, `dual_mono`, `crosstalk`.",
    ),
    sa.Column(
        "channel",
        sa.Integer,
        comment="Audio channel of the recording, from 0; NULL: the recording as a whole.",
    ),
    sa.Column(
        "start_s",
        sa.Double,
        comment="Start of the stretch meant, s from the start of the recording; NULL: all of it.",
    ),
    sa.Column(
        "end_s",
        sa.Double,
        comment="End of that stretch, s from the start of the recording; NULL: all of it.",
    ),
    sa.Column(
        "detail",
        sa.Text,
        nullable=False,
        comment="In words, without anything that was said, e.g. `both channels carry the same "
        "sound`.",
    ),
    comment="What a stage left out, guessed or doubts: one row for each note. `callqa run` prints "
    "their counts.",
)

transcripts = sa.Table(
    "transcripts",
    metadata,
    _recording_id(primary_key=True),
    _channel(primary_key=True),
    _segment_no(),
    _day(index=True),
    _role(),
    _start_s("segment"),
    _end_s("segment"),
    sa.Column(
        "language",
        sa.String(16),
        nullable=False,
        comment="ISO 639 code, e.g. `zh`: as the metadata says, else detected "
        "from all of the call; a part that is surely in another language has its own.",
    ),
    sa.Column(
        "text_raw",
        sa.Text,
        nullable=False,
        comment="Text as decoded, e.g. `我要退一百五十八块五`.",
    ),
    sa.Column(
        "text",
        sa.Text,
        nullable=False,
        comment="Text with punctuation, and for Chinese and Cantonese with simplified characters "
        "and numbers in digits, e.g. `我要退158.5元。`; empty where no speech was recognised.",
    ),
    sa.Column(
        "alignment",
        Json,
        nullable=False,
        comment="List of `[raw_start, raw_end, text_start, text_end]`, in characters, ascending: "
        "the stretches in which `text_raw` and `text` differ, e.g. "
        "`[[3, 10, 3, 9], [10, 10, 9, 10]]`. Between them the two are equal.",
    ),
    sa.Column(
        "words",
        Json,
        nullable=False,
        comment="List of words with their times, s, e.g. "
        '`[{"word": "退费", "start_s": 2.9, "end_s": 3.4}]`.',
    ),
    sa.Column(
        "confidence",
        sa.Double,
        nullable=False,
        comment="exp(mean log-probability of the tokens), 0 to 1, e.g. `0.71`; 0 where nothing "
        "was decoded.",
    ),
    sa.Column(
        "doubtful_hotwords",
        Json,
        nullable=False,
        comment="List of hotwords in `text_raw` that the audio does not support, e.g. "
        '`["开户流程"]`: decoded without hotwords, more than half of the word is gone, or it '
        "lies over silence.",
    ),
    sa.Column(
        "text_without_hotwords",
        sa.Text,
        comment="The segment's text when decoded without hotwords, e.g. `请问怎么办`; NULL: no "
        "hotword is doubtful.",
    ),
    comment="Text: one row for each segment, with the key and the times of `segments`, also where "
    "nothing was recognised.",
)

emotion_scores = sa.Table(
    "emotion_scores",
    metadata,
    _recording_id(primary_key=True),
    _channel(primary_key=True),
    _segment_no(),
    _day(index=True),
    _role(),
    _start_s("segment"),
    _end_s("segment"),
    *(
        sa.Column(
            emotion,
            sa.Double,
            nullable=False,
            comment=f"Posterior of `{emotion}`, 0 to 1; the nine sum to 1.",
        )
        for emotion in EMOTIONS
    ),
    sa.Column(
        "emotion",
        sa.String(12),
        nullable=False,
        comment="The emotion with the highest posterior, e.g. `angry`; `unknown` where that "
        "posterior is below the floor (0.35 in `compact`): the model abstains.",
    ),
    sa.Column(
        "confidence",
        sa.Double,
        nullable=False,
        comment="The highest posterior, e.g. `0.80`, also where `emotion` is `unknown`.",
    ),
    sa.Column(
        "embedding_path",
        sa.Text,
        comment="The recording's embeddings, relative to the home, e.g. "
        "`lake/embeddings/3f/3f….9c….npy`: an npy array [segments, features] whose rows are the "
        "recording's segments by `channel`, `segment_no`; NULL: the model profile keeps none.",
    ),
    comment="Emotions of whole segments: one row for each segment, with the key and the times of "
    "`segments`.",
)

emotion_spans = sa.Table(
    "emotion_spans",
    metadata,
    _recording_id(primary_key=True),
    _channel(primary_key=True),
    sa.Column(
        "span_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the span on its channel, from 0.",
    ),
    _day(index=True),
    _role(),
    _start_s("span"),
    _end_s("span", " Spans lie inside segments and fill them."),
    sa.Column(
        "emotion",
        sa.String(12),
        nullable=False,
        comment="Emotion of the span, e.g. `angry`; `unknown`: the model abstains.",
    ),
    sa.Column(
        "confidence",
        sa.Double,
        nullable=False,
        comment="Mean posterior of the emotion over the span, e.g. `0.80`; where it is `unknown`, "
        "of the best emotion.",
    ),
    comment="The course of emotions inside a call: one row for each span of one emotion on a "
    "channel. Smoothed and with hysteresis, so that a span lasts at least 1 s where its segment "
    "does.",
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column(
        "alert_id",
        Id,
        primary_key=True,
        comment="Id, e.g. `f7cbdb23…`; stays the same where a recomputation finds the same moment.",
    ),
    _recording_id(nullable=False, index=True),
    _channel(nullable=False),
    _role(),
    _day(index=True),
    sa.Column("rule", sa.Text, nullable=False, comment="Name of the rule, e.g. `customer_anger`."),
    sa.Column(
        "rule_hash",
        Hash,
        nullable=False,
        comment="The rule set that was in force, in `rule_sets`, e.g. `c09671c1…`.",
    ),
    sa.Column("priority", sa.String(8), nullable=False, comment="`high`, `medium` or `low`."),
    sa.Column(
        "started_s",
        sa.Double,
        nullable=False,
        comment="Start of the stretch in which the rule held, s from the start of the recording, "
        "e.g. `2.5`.",
    ),
    sa.Column(
        "ended_s",
        sa.Double,
        nullable=False,
        comment="End of that stretch, s from the start of the recording, e.g. `5.25`.",
    ),
    sa.Column(
        "fired_at_s",
        sa.Double,
        nullable=False,
        comment="Moment from which the alert was certain, s from the start of the recording, e.g. "
        "`3.5`.",
    ),
    sa.Column(
        "peak",
        sa.Double,
        nullable=False,
        comment="Highest value of the rule's condition in the stretch, e.g. `0.8`: a posterior or "
        "a sum of posteriors, s of silence or overlap, dB of a rise in loudness; 1 for words and "
        "composed conditions.",
    ),
    sa.Column(
        "mode",
        sa.String(8),
        nullable=False,
        comment="`live`; `shadow`: the rule is on trial and notifies no one.",
    ),
    sa.Column(
        "needs_review",
        sa.Boolean,
        nullable=False,
        comment="The rule has `review: true`: a person is to decide whether it is right.",
    ),
    sa.Column(
        "inhibited_by",
        sa.Text,
        comment="`alert_id` of the alert of the same call beside which this one is not delivered "
        "(inhibition); NULL: not inhibited.",
    ),
    sa.Column(
        "evidence",
        Json,
        nullable=False,
        comment="What the alert rests on: audio, models, rule, window values and words.",
    ),
    sa.Column("created_at", UtcDateTime, nullable=False, comment="When it was first stored, UTC."),
    sa.Column(
        "superseded_at",
        UtcDateTime,
        comment="When a recomputation no longer found it, UTC; NULL: it is in force.",
    ),
    sa.CheckConstraint("mode IN ('live', 'shadow')", name="mode"),
    comment="Moments at which a rule fired: one row each. Rows are never deleted, see "
    "`superseded_at`.",
)

alert_reviews = sa.Table(
    "alert_reviews",
    metadata,
    sa.Column(
        "alert_id",
        Id,
        sa.ForeignKey("alerts.alert_id"),
        primary_key=True,
        comment="The alert, in `alerts`.",
    ),
    sa.Column(
        "reviewer",
        sa.Text,
        primary_key=True,
        comment="The reviewer's name, as they gave it, e.g. `ann`.",
    ),
    sa.Column(
        "decided_at",
        UtcDateTime,
        primary_key=True,
        comment="When they decided, UTC. The latest decision of each reviewer counts.",
    ),
    _recording_id(nullable=False, index=True),
    _day(),
    sa.Column(
        "is_true_alarm", sa.Boolean, nullable=False, comment="The alert was right, e.g. `true`."
    ),
    sa.Column(
        "note",
        sa.Text,
        comment="Why, in the reviewer's words, e.g. `she was quoting somebody`; NULL: not given.",
    ),
    comment="What people decided about alerts (`callqa review`): one row for each decision. Rows "
    "are only added.",
)

alert_deliveries = sa.Table(
    "alert_deliveries",
    metadata,
    sa.Column(
        "alert_id",
        Id,
        sa.ForeignKey("alerts.alert_id"),
        primary_key=True,
        comment="The alert, in `alerts`.",
    ),
    sa.Column(
        "receiver",
        sa.String(80),
        primary_key=True,
        comment="Key in `configs/channels.yaml` (not an audio channel), e.g. `dingtalk`.",
    ),
    _recording_id(nullable=False, index=True),
    _day(index=True),
    sa.Column(
        "delivery_id",
        Id,
        nullable=False,
        unique=True,
        comment="Id by which the receiver knows the delivery: the same on every attempt.",
    ),
    sa.Column(
        "status",
        sa.String(10),
        nullable=False,
        comment="`pending`, `sending`, `delivered`, `suppressed` (see `suppressed_because`) or "
        "`dead` (given up: a dead letter).",
    ),
    sa.Column(
        "suppressed_because",
        sa.String(10),
        comment="`old`, `backfill` or `withdrawn`; NULL: not suppressed.",
    ),
    sa.Column(
        "payload",
        NullableJson,
        comment="Content of the message, numbers masked; NULL: no message was ever due.",
    ),
    sa.Column(
        "message_id",
        Id,
        index=True,
        comment="The message that carries the delivery; deliveries of a digest share one. NULL "
        "until the message is composed, and again after it was refused.",
    ),
    sa.Column(
        "accepted_by",
        Json,
        nullable=False,
        default=list,
        comment="List of e-mail addresses whose server accepted the message, e.g. `[]`.",
    ),
    sa.Column(
        "attempts", sa.Integer, nullable=False, default=0, comment="Number of attempts to send."
    ),
    sa.Column(
        "last_error",
        sa.Text,
        comment="Error of the last attempt; NULL: none failed yet, or it was delivered.",
    ),
    sa.Column(
        "next_attempt_at",
        UtcDateTime,
        comment="When the next attempt is due, UTC; NULL: there will be none.",
    ),
    sa.Column("claimed_by", sa.Text, comment="The process that sends it now; NULL: none."),
    sa.Column(
        "lease_until",
        UtcDateTime,
        comment="When that process's claim ends, UTC; NULL: not claimed.",
    ),
    sa.Column(
        "waiting_since",
        UtcDateTime,
        nullable=False,
        comment="Since when it waits to be sent, UTC: `give_up_after_hours` counts from then.",
    ),
    sa.Column("created_at", UtcDateTime, nullable=False, comment="When it was stored, UTC."),
    sa.Column(
        "delivered_at",
        UtcDateTime,
        comment="When the receiver accepted it, UTC; NULL: not delivered.",
    ),
    sa.CheckConstraint(
        "status IN ('pending', 'sending', 'delivered', 'suppressed', 'dead')", name="status"
    ),
    sa.CheckConstraint(
        "suppressed_because IN ('old', 'backfill', 'withdrawn')", name="suppressed_because"
    ),
    sa.Index(None, "status", "receiver", "next_attempt_at"),
    comment="Who is notified of an alert: the transactional outbox, one row for each alert and "
    "receiver. Written together with the alert; rows stay.",
)

receiver_states = sa.Table(
    "receiver_states",
    metadata,
    sa.Column(
        "receiver", sa.String(80), primary_key=True, comment="Key in `configs/channels.yaml`."
    ),
    sa.Column(
        "sent",
        Json,
        nullable=False,
        comment="Message id to the second (Unix time) at which it was certainly sent: what counts "
        "against the rate limits.",
    ),
    sa.Column(
        "paused_until",
        UtcDateTime,
        comment="End of the pause that the receiver last asked for, UTC; NULL: it never did.",
    ),
    sa.Column(
        "disabled_at",
        UtcDateTime,
        comment="When the receiver replied that it is gone (HTTP 410), UTC; NULL: enabled. "
        "`callqa alerts enable` enables it again.",
    ),
    sa.Column("disabled_because", sa.Text, comment="Why it is disabled; NULL: enabled."),
    comment="What processes share about each receiver: one row each.",
)

stage_runs = sa.Table(
    "stage_runs",
    metadata,
    _recording_id(primary_key=True),
    sa.Column(
        "stage",
        sa.String(16),
        primary_key=True,
        comment="`segments`, `transcripts`, `emotions` or `alerts`.",
    ),
    _day(),
    sa.Column(
        "fingerprint",
        Hash,
        comment="Code, model and parameters that computed what is stored, in `fingerprints`; NULL "
        "until the stage succeeded once.",
    ),
    sa.Column(
        "input_version",
        Hash,
        comment="Hash of the input of what is stored; NULL until the stage succeeded once.",
    ),
    sa.Column(
        "output_version",
        Hash,
        comment="Hash of that input and the fingerprint; NULL until the stage succeeded once.",
    ),
    sa.Column(
        "status",
        sa.String(8),
        nullable=False,
        comment="`ok`; `claimed`: being computed, or, without `claimed_by`, left by a run that was "
        "stopped; `failed`: the last attempt failed; `blocked`: an "
        "earlier stage failed for this recording.",
    ),
    sa.Column(
        "target",
        Hash,
        comment="Hash of the fingerprint and input that are wanted: another target starts the "
        "count of attempts again. NULL: never attempted.",
    ),
    sa.Column(
        "attempts",
        sa.Integer,
        nullable=False,
        default=0,
        comment="Attempts at this target, counted when they begin. Given up after 3 errors, or "
        "after 6 deaths of the process.",
    ),
    sa.Column(
        "claimed_by",
        sa.Text,
        comment="The process that works on it (host, pid, start, token); NULL: none.",
    ),
    sa.Column(
        "lease_until",
        UtcDateTime,
        comment="When that process's claim ends, UTC; NULL: not claimed.",
    ),
    sa.Column(
        "artifact",
        sa.Text,
        comment="Parquet file with the recording's emotion track, relative to the home; NULL for "
        "other stages than `emotions`, and until that succeeded once.",
    ),
    sa.Column(
        "error",
        sa.Text,
        comment="Error of the last attempt that failed, or the stage that blocks it, at most 2,000 "
        "characters; NULL: neither since it last succeeded.",
    ),
    sa.Column(
        "seconds",
        sa.Double,
        comment="Computing time, s: the recording's share of its batch by duration, without "
        "reading the audio; NULL until the stage succeeded once.",
    ),
    sa.Column(
        "audio_s",
        sa.Double,
        comment="Duration of the recording, s: `seconds / audio_s` is the real-time factor; NULL "
        "until the stage succeeded once.",
    ),
    sa.Column(
        "run_id", sa.String(64), comment="The Dagster run of the last attempt; NULL: none yet."
    ),
    sa.Column(
        "finished_at",
        UtcDateTime,
        comment="When the last attempt ended, UTC; NULL: none has.",
    ),
    sa.CheckConstraint("status IN ('ok', 'failed', 'blocked', 'claimed')", name="status"),
    sa.Index(None, "day", "stage", "status"),
    comment="The ledger: what is stored of each good recording, one row for each stage.",
)

fingerprints = sa.Table(
    "fingerprints",
    metadata,
    sa.Column(
        "fingerprint",
        Hash,
        primary_key=True,
        comment="Hash of the other columns: what decides a stage's output besides its input.",
    ),
    sa.Column(
        "stage",
        sa.String(16),
        nullable=False,
        comment="`segments`, `transcripts`, `emotions` or `alerts`.",
    ),
    sa.Column(
        "code_version",
        sa.Text,
        nullable=False,
        comment="`CODE_VERSION` of the stage's module.",
    ),
    sa.Column("model_id", sa.Text, comment="The model; NULL: the stage has none (`alerts`)."),
    sa.Column(
        "weights_sha256",
        Hash,
        comment="One hash over the model's weight files; NULL: the stage has no model.",
    ),
    sa.Column(
        "params",
        Json,
        nullable=False,
        comment="Thresholds, precision, beam size …; for `alerts` the rule hash.",
    ),
    comment="What computed the stored rows: one row for each combination of code, model and "
    "parameters.",
)

rule_sets = sa.Table(
    "rule_sets",
    metadata,
    sa.Column(
        "rule_hash",
        Hash,
        primary_key=True,
        comment="Hash over the meaning of the rules, whatever the file's comments, layout or "
        "order.",
    ),
    sa.Column("yaml", sa.Text, nullable=False, comment="The file as it was accepted."),
    sa.Column(
        "accepted_at",
        UtcDateTime,
        nullable=False,
        comment="When it was last in force, UTC; the newest stays in force while the file is bad.",
    ),
    comment="Every rules file that was ever in force.",
)

dirty_days = sa.Table(
    "dirty_days",
    metadata,
    sa.Column("day", Day, primary_key=True, comment="Local day, e.g. `2025-03-14`."),
    sa.Column(
        "generation",
        sa.Integer,
        nullable=False,
        comment="Grows with every arrival for the day.",
    ),
    sa.Column(
        "done_generation",
        sa.Integer,
        nullable=False,
        default=0,
        comment="The generation that the last finished run saw; while it is older than "
        "`generation`, the day waits for a run.",
    ),
    sa.Column(
        "changed_at",
        UtcDateTime,
        nullable=False,
        comment="When the last arrival was, UTC.",
    ),
    comment="Days for which something arrived.",
)

DAY_TABLES = (
    recordings,
    segments,
    stage_notes,
    transcripts,
    emotion_scores,
    emotion_spans,
    alerts,
    alert_deliveries,
    alert_reviews,
    stage_runs,
)
"""Tables whose rows move together when a better source changes a recording's day."""
