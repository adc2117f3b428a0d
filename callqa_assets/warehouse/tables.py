"""The warehouse's tables, as SQLAlchemy Core sees them. Migrations create them.

Every row of a call carries `recording_id` and `day`, and keys are natural, so that writing a row
twice leaves one row. Times are UTC; positions inside a call are seconds from its start.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from callqa_assets.domain.emotion.labels import EMOTIONS


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime, also on SQLite, which stores none."""

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


def _recording_id(**kwargs: Any) -> sa.Column[str]:
    return sa.Column("recording_id", Id, sa.ForeignKey("recordings.recording_id"), **kwargs)


intake = sa.Table(
    "intake",
    metadata,
    # Bytes: a file name on disk need not be text in any encoding.
    sa.Column("source_path", sa.LargeBinary, primary_key=True),
    sa.Column("size", sa.BigInteger, primary_key=True),
    sa.Column("mtime_ns", sa.BigInteger, primary_key=True),
    sa.Column("drop_root", sa.LargeBinary, nullable=False),
    # Path inside the drop folder as text, and the same without its extension: what sidecars and
    # manifests name their recordings by.
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("stem", sa.Text, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("metadata", Json, nullable=False, default=dict),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("day", Day),
    sa.Column("recording_id", Id),
    # Where the file lies, or will once it is moved.
    sa.Column("archive_path", sa.Text),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Column("stable_at", UtcDateTime),
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
)

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("recording_id", Id, primary_key=True),
    sa.Column("content_sha256", Hash, nullable=False),
    sa.Column("source_name", sa.Text, nullable=False),
    sa.Column("day", Day, nullable=False),
    sa.Column("call_id", sa.Text),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("time_source", sa.String(10), nullable=False),
    sa.Column("agent_id", sa.Text),
    sa.Column("customer_id", sa.Text),
    sa.Column("queue", sa.Text),
    sa.Column("line", sa.Text),
    sa.Column("business_line", sa.Text),
    sa.Column("language", sa.String(16)),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("channel_roles", Json, nullable=False),
    sa.Column("sample_rate", sa.Integer, nullable=False),
    sa.Column("duration_s", sa.Double, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("archive_path", sa.Text, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("metadata_version", Hash, nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("duplicate_of", Id, sa.ForeignKey("recordings.recording_id")),
    sa.Column("legal_hold", sa.Boolean, nullable=False, default=False),
    sa.Column("ingested_at", UtcDateTime, nullable=False),
    sa.Column("run_id", sa.String(64), nullable=False),
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
)

segments = sa.Table(
    "segments",
    metadata,
    _recording_id(primary_key=True),
    sa.Column("channel", sa.Integer, primary_key=True),
    sa.Column("segment_no", sa.Integer, primary_key=True),
    sa.Column("day", Day, nullable=False, index=True),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("end_s", sa.Double, nullable=False),
    sa.Column("level_dbfs", sa.Double, nullable=False),
    sa.CheckConstraint("end_s > start_s AND start_s >= 0", name="order"),
)

transcripts = sa.Table(
    "transcripts",
    metadata,
    _recording_id(primary_key=True),
    sa.Column("channel", sa.Integer, primary_key=True),
    sa.Column("segment_no", sa.Integer, primary_key=True),
    sa.Column("day", Day, nullable=False, index=True),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("end_s", sa.Double, nullable=False),
    sa.Column("language", sa.String(16), nullable=False),
    sa.Column("text_raw", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    # [raw_start, raw_end, text_start, text_end] of each piece in which text_raw and text differ.
    sa.Column("alignment", Json, nullable=False),
    sa.Column("words", Json, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    # Hotwords that the sound does not support, and what was decoded without hotwords.
    sa.Column("doubtful_hotwords", Json, nullable=False),
    sa.Column("text_without_hotwords", sa.Text),
)

emotion_scores = sa.Table(
    "emotion_scores",
    metadata,
    _recording_id(primary_key=True),
    sa.Column("channel", sa.Integer, primary_key=True),
    sa.Column("segment_no", sa.Integer, primary_key=True),
    sa.Column("day", Day, nullable=False, index=True),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("end_s", sa.Double, nullable=False),
    *(sa.Column(emotion, sa.Double, nullable=False) for emotion in EMOTIONS),
    sa.Column("emotion", sa.String(12), nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("embedding_path", sa.Text),
)

emotion_spans = sa.Table(
    "emotion_spans",
    metadata,
    _recording_id(primary_key=True),
    sa.Column("channel", sa.Integer, primary_key=True),
    sa.Column("span_no", sa.Integer, primary_key=True),
    sa.Column("day", Day, nullable=False, index=True),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("end_s", sa.Double, nullable=False),
    sa.Column("emotion", sa.String(12), nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("alert_id", Id, primary_key=True),
    _recording_id(nullable=False, index=True),
    sa.Column("channel", sa.Integer, nullable=False),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("day", Day, nullable=False, index=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("rule_hash", Hash, nullable=False),
    sa.Column("priority", sa.String(8), nullable=False),
    sa.Column("started_s", sa.Double, nullable=False),
    sa.Column("ended_s", sa.Double, nullable=False),
    sa.Column("fired_at_s", sa.Double, nullable=False),
    sa.Column("peak", sa.Double, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("needs_review", sa.Boolean, nullable=False),
    # Id of the alert of the same call beside which this one is not delivered.
    sa.Column("inhibited_by", sa.Text),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("superseded_at", UtcDateTime),
    sa.CheckConstraint("mode IN ('live', 'shadow')", name="mode"),
)

alert_reviews = sa.Table(
    "alert_reviews",
    metadata,
    sa.Column("alert_id", Id, sa.ForeignKey("alerts.alert_id"), primary_key=True),
    sa.Column("reviewer", sa.Text, primary_key=True),
    # Whoever changes their mind decides again: the latest of each reviewer counts.
    sa.Column("decided_at", UtcDateTime, primary_key=True),
    _recording_id(nullable=False, index=True),
    sa.Column("day", Day, nullable=False),
    sa.Column("is_true_alarm", sa.Boolean, nullable=False),
    sa.Column("note", sa.Text),
)

alert_deliveries = sa.Table(
    "alert_deliveries",
    metadata,
    sa.Column("alert_id", Id, sa.ForeignKey("alerts.alert_id"), primary_key=True),
    # A key of configs/channels.yaml, not a channel of the audio.
    sa.Column("receiver", sa.String(80), primary_key=True),
    _recording_id(nullable=False, index=True),
    sa.Column("day", Day, nullable=False, index=True),
    # What receivers know this delivery by: the same on every attempt.
    sa.Column("delivery_id", Id, nullable=False, unique=True),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("suppressed_because", sa.String(10)),
    # What a message says, numbers masked; NULL where none was ever to be sent.
    sa.Column("payload", NullableJson),
    # Deliveries of one message; NULL until it is put together, and again once it was refused.
    sa.Column("message_id", Id, index=True),
    # E-mail addresses whose server has taken the message.
    sa.Column("accepted_by", Json, nullable=False, default=list),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("last_error", sa.Text),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("claimed_by", sa.Text),
    sa.Column("lease_until", UtcDateTime),
    # Since when it waits to be sent: given up some time after.
    sa.Column("waiting_since", UtcDateTime, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("delivered_at", UtcDateTime),
    sa.CheckConstraint(
        "status IN ('pending', 'sending', 'delivered', 'suppressed', 'dead')", name="status"
    ),
    sa.CheckConstraint(
        "suppressed_because IN ('old', 'backfill', 'withdrawn')", name="suppressed_because"
    ),
    sa.Index(None, "status", "receiver", "next_attempt_at"),
)

receiver_states = sa.Table(
    "receiver_states",
    metadata,
    sa.Column("receiver", sa.String(80), primary_key=True),
    # Message to the second (Unix time) at which it was surely sent: what the rate limits count.
    sa.Column("sent", Json, nullable=False),
    # The receiver asked to be left alone.
    sa.Column("paused_until", UtcDateTime),
    # The receiver is gone (410); a person enables the channel again.
    sa.Column("disabled_at", UtcDateTime),
    sa.Column("disabled_because", sa.Text),
)

stage_runs = sa.Table(
    "stage_runs",
    metadata,
    _recording_id(primary_key=True),
    sa.Column("stage", sa.String(16), primary_key=True),
    sa.Column("day", Day, nullable=False),
    # What is stored: NULL until the stage succeeded once.
    sa.Column("fingerprint", Hash),
    sa.Column("input_version", Hash),
    sa.Column("output_version", Hash),
    sa.Column("status", sa.String(8), nullable=False),
    # What the attempts below were for: another target starts the count anew.
    sa.Column("target", Hash),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("claimed_by", sa.Text),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("artifact", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("seconds", sa.Double),
    sa.Column("audio_s", sa.Double),
    sa.Column("run_id", sa.String(64)),
    sa.Column("finished_at", UtcDateTime),
    sa.CheckConstraint("status IN ('ok', 'failed', 'blocked', 'claimed')", name="status"),
    sa.Index(None, "day", "stage", "status"),
)

fingerprints = sa.Table(
    "fingerprints",
    metadata,
    sa.Column("fingerprint", Hash, primary_key=True),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("code_version", sa.Text, nullable=False),
    sa.Column("model_id", sa.Text),
    sa.Column("weights_sha256", Hash),
    sa.Column("params", Json, nullable=False),
)

rule_sets = sa.Table(
    "rule_sets",
    metadata,
    sa.Column("rule_hash", Hash, primary_key=True),
    sa.Column("yaml", sa.Text, nullable=False),
    sa.Column("accepted_at", UtcDateTime, nullable=False),
)

dirty_days = sa.Table(
    "dirty_days",
    metadata,
    sa.Column("day", Day, primary_key=True),
    # Grows with every arrival; the day is dirty while the last finished run saw an older one.
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("done_generation", sa.Integer, nullable=False, default=0),
    sa.Column("changed_at", UtcDateTime, nullable=False),
)

DAY_TABLES = (
    recordings,
    segments,
    transcripts,
    emotion_scores,
    emotion_spans,
    alerts,
    alert_deliveries,
    alert_reviews,
    stage_runs,
)
"""Tables whose rows move together when a better source changes a recording's day."""
