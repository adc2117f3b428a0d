"""Tables of alerts: rules in force, alerts, what people decided, deliveries."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.warehouse.tables.columns import (
    Day,
    Hash,
    Id,
    Json,
    NullableJson,
    UtcDateTime,
    channel_column,
    day_column,
    metadata,
    recording_id_column,
    role_column,
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
    recording_id_column(nullable=False, index=True),
    channel_column(nullable=False),
    role_column(),
    day_column(index=True),
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
    recording_id_column(nullable=False, index=True),
    day_column(),
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
        "delivery_id",
        Id,
        primary_key=True,
        comment="Id by which the receiver knows the delivery: the same on every attempt.",
    ),
    sa.Column(
        "alert_id",
        Id,
        sa.ForeignKey("alerts.alert_id"),
        comment="The alert, in `alerts`; NULL: it tells of a spike.",
    ),
    sa.Column(
        "spike_date_key",
        sa.Integer,
        comment="Day of the spike, in `topic_spikes`, e.g. `20250314`; NULL: it tells of an alert.",
    ),
    sa.Column(
        "topic",
        sa.Text,
        comment="Topic of the spike, in `topic_spikes`, e.g. `退费`; NULL: it tells of an alert.",
    ),
    sa.Column(
        "receiver",
        sa.String(80),
        nullable=False,
        comment="Key in `configs/channels.yaml` (not an audio channel), e.g. `dingtalk`.",
    ),
    sa.Column(
        "recording_id",
        Id,
        sa.ForeignKey("recordings.recording_id"),
        index=True,
        comment="The recording, in `recordings`; NULL: it tells of a spike.",
    ),
    sa.Column(
        "day",
        Day,
        nullable=False,
        index=True,
        comment="Local day on which the call started, or of the spike, e.g. `2025-03-14`.",
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
    sa.CheckConstraint(
        "(alert_id IS NULL) <> (topic IS NULL) AND (spike_date_key IS NULL) = (topic IS NULL) "
        "AND (alert_id IS NULL) = (recording_id IS NULL)",
        name="subject",
    ),
    sa.UniqueConstraint("alert_id", "receiver"),
    sa.Index(None, "spike_date_key", "topic"),
    sa.Index(None, "status", "receiver", "next_attempt_at"),
    comment="Who is notified of an alert, or of a spike: the transactional outbox, one row for "
    "each and receiver. Written together with the alert, or as the day is published; rows stay.",
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
