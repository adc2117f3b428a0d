"""Tables of uploads: batches of files that were posted, and what became of each."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.warehouse.tables.columns import Hash, Id, UtcDateTime, metadata

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("batch_id", Id, primary_key=True, comment="Id of the batch, e.g. `5e1f…`."),
    sa.Column(
        "received_at", UtcDateTime, nullable=False, comment="When the last byte had arrived, UTC."
    ),
    sa.Column(
        "language",
        sa.String(16),
        comment="ISO 639 code that was given with the files, e.g. `zh`; NULL: detected.",
    ),
    sa.Column(
        "itn_enabled",
        sa.Boolean,
        nullable=False,
        comment="Whether answers have numerals as digits (`transcripts.text`); else the text as "
        "decoded (`text_raw`). Both are stored.",
    ),
    sa.Column("hotwords", sa.Text, comment="Hotwords given, one a line; NULL: none."),
    sa.Column(
        "idempotency_key",
        sa.String(200),
        unique=True,
        comment="`Idempotency-Key` of the request: the same one is answered with this batch; NULL: "
        "none.",
    ),
    comment="Batches of uploaded files (`callqa serve`): one row each.",
)

batch_files = sa.Table(
    "batch_files",
    metadata,
    sa.Column(
        "batch_id",
        Id,
        sa.ForeignKey("batches.batch_id"),
        primary_key=True,
        comment="The batch, in `batches`.",
    ),
    sa.Column(
        "file_no",
        sa.Integer,
        primary_key=True,
        autoincrement=False,
        comment="Number of the file in its request, from 0.",
    ),
    sa.Column(
        "name",
        sa.Text,
        nullable=False,
        comment="Name of the file, as it was sent and made harmless, e.g. `call_1.wav`.",
    ),
    sa.Column("size_bytes", sa.BigInteger, nullable=False, comment="Its size, bytes."),
    sa.Column("content_sha256", Hash, nullable=False, comment="SHA-256 of its content."),
    sa.Column(
        "recording_id",
        Id,
        nullable=False,
        index=True,
        comment="The recording that it is or becomes, in `recordings`.",
    ),
    sa.Column(
        "status",
        sa.String(10),
        nullable=False,
        comment="`queued`: still to be processed; `done`; `failed`, see `reason`.",
    ),
    sa.Column("reason", sa.Text, comment="Why it failed; NULL: it did not."),
    sa.Column(
        "finished_at", UtcDateTime, comment="When it was done or had failed, UTC; NULL: queued."
    ),
    sa.CheckConstraint("status IN ('queued', 'done', 'failed')", name="status"),
    sa.Index(None, "status", "batch_id"),
    comment="Uploaded files: one row for each file of each batch.",
)
