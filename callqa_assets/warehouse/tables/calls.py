"""Tables of calls as they arrive: files of the drop folder, recordings, the home."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.warehouse.tables.columns import (
    Day,
    Hash,
    Id,
    Json,
    UtcDateTime,
    metadata,
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
        "hotwords",
        sa.Text,
        comment="Words that the metadata says are likely in the call, one a line, beside those of "
        "the queue's list; NULL: none.",
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
