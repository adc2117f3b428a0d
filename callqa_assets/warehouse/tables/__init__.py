"""The warehouse's tables, as SQLAlchemy Core sees them, a module a subject. Migrations create them.

Every row of a call carries `recording_id` and `day`, and keys are natural, so that writing a row
twice leaves one row. Times are UTC; positions inside a call are seconds from its start.

The comments are the tables' documentation: they become Dagster's column descriptions, PostgreSQL's
comments (`migrations/env.py`) and the tables of docs/data_dictionary.md (`dictionary.py`). They are
Markdown, say what NULL means, and give the unit.
"""

from __future__ import annotations

from callqa_assets.warehouse.tables.agents import (
    agent_daily,
    agent_mix_daily,
    policy_call_points,
    policy_calls,
    policy_explanations,
    policy_points,
    policy_words,
    queue_daily,
)
from callqa_assets.warehouse.tables.alerts import (
    alert_deliveries,
    alert_reviews,
    alerts,
    receiver_states,
    rule_sets,
)
from callqa_assets.warehouse.tables.batches import batch_files, batches
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
from callqa_assets.warehouse.tables.scripts import script_checks
from callqa_assets.warehouse.tables.search import search_index, transcript_search
from callqa_assets.warehouse.tables.speech import (
    emotion_scores,
    emotion_spans,
    segments,
    stage_notes,
    transcripts,
)
from callqa_assets.warehouse.tables.star import (
    DIMENSIONS,
    call_keys,
    dim_agent,
    dim_date,
    dim_model_set,
    dim_queue,
    dim_rule,
    dim_script_item,
    dim_topic,
    fact_alert,
    fact_call,
    fact_call_channel,
    fact_call_quarter,
    fact_repeat_contact,
    fact_script_check,
    fact_segment,
    fact_topic_hit,
    mart_columns,
)
from callqa_assets.warehouse.tables.topics import (
    call_terms,
    keyword_daily,
    terms_contrast,
    terms_contrast_examples,
    topic_daily,
    topic_hits,
    topic_spikes,
)

__all__ = [
    "DAY_TABLES",
    "DIMENSIONS",
    "PUBLISHED_TABLES",
    "Day",
    "UtcDateTime",
    "agent_daily",
    "agent_mix_daily",
    "alert_deliveries",
    "alert_reviews",
    "alerts",
    "batch_files",
    "batches",
    "call_channel_metrics",
    "call_keys",
    "call_metrics",
    "call_quarters",
    "call_terms",
    "changed_days",
    "dim_agent",
    "dim_date",
    "dim_model_set",
    "dim_queue",
    "dim_rule",
    "dim_script_item",
    "dim_topic",
    "dirty_days",
    "emotion_scores",
    "emotion_spans",
    "fact_alert",
    "fact_call",
    "fact_call_channel",
    "fact_call_quarter",
    "fact_repeat_contact",
    "fact_script_check",
    "fact_segment",
    "fact_topic_hit",
    "fingerprints",
    "home",
    "intake",
    "keyword_daily",
    "mart_columns",
    "mart_days",
    "metadata",
    "pii_spans",
    "policy_call_points",
    "policy_calls",
    "policy_explanations",
    "policy_points",
    "policy_words",
    "published_days",
    "queue_daily",
    "receiver_states",
    "recordings",
    "rule_sets",
    "script_checks",
    "search_index",
    "segments",
    "stage_notes",
    "stage_runs",
    "terms_contrast",
    "terms_contrast_examples",
    "tone_text_conflicts",
    "topic_daily",
    "topic_hits",
    "topic_spikes",
    "transcript_search",
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
    transcript_search,
    call_metrics,
    call_channel_metrics,
    call_quarters,
    tone_text_conflicts,
    script_checks,
    pii_spans,
    stage_runs,
    topic_hits,
    call_terms,
)
"""Tables whose rows move together when a better source changes a recording's day."""

PUBLISHED_TABLES = (
    *DIMENSIONS,
    *(
        table
        for table in metadata.sorted_tables
        if "date_key" in table.c and table not in (*DIMENSIONS, published_days)
    ),
    mart_columns,
)
"""What BI clients read, through views: dimensions, and every mart, which has a `date_key`."""
