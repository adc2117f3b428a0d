"""The warehouse's tables, as SQLAlchemy Core sees them, a module a subject. Migrations create them.

Every row of a call carries `recording_id` and `day`, and keys are natural, so that writing a row
twice leaves one row. Times are UTC; positions inside a call are seconds from its start.

The comments are the tables' documentation: they become Dagster's column descriptions, PostgreSQL's
comments (`migrations/env.py`) and the tables of docs/data_dictionary.md (`dictionary.py`). They are
Markdown, say what NULL means, and give the unit.
"""

from __future__ import annotations

from callqa_assets.warehouse.tables.alerts import (
    alert_deliveries,
    alert_reviews,
    alerts,
    receiver_states,
    rule_sets,
)
from callqa_assets.warehouse.tables.calls import (
    home,
    intake,
    recordings,
)
from callqa_assets.warehouse.tables.columns import Day, UtcDateTime, metadata
from callqa_assets.warehouse.tables.conversation import (
    call_channel_metrics,
    call_metrics,
    call_quarters,
    tone_text_conflicts,
)
from callqa_assets.warehouse.tables.ledger import (
    dirty_days,
    fingerprints,
    stage_runs,
)
from callqa_assets.warehouse.tables.marts import (
    changed_days,
    mart_days,
    published_days,
)
from callqa_assets.warehouse.tables.pii import pii_spans
from callqa_assets.warehouse.tables.speech import (
    emotion_scores,
    emotion_spans,
    segments,
    stage_notes,
    transcripts,
)

__all__ = [
    "DAY_TABLES",
    "Day",
    "UtcDateTime",
    "alert_deliveries",
    "alert_reviews",
    "alerts",
    "call_channel_metrics",
    "call_metrics",
    "call_quarters",
    "changed_days",
    "dirty_days",
    "emotion_scores",
    "emotion_spans",
    "fingerprints",
    "home",
    "intake",
    "mart_days",
    "metadata",
    "pii_spans",
    "published_days",
    "receiver_states",
    "recordings",
    "rule_sets",
    "segments",
    "stage_notes",
    "stage_runs",
    "tone_text_conflicts",
    "transcripts",
]

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
    call_metrics,
    call_channel_metrics,
    call_quarters,
    tone_text_conflicts,
    pii_spans,
    stage_runs,
)
"""Tables whose rows move together when a better source changes a recording's day."""
