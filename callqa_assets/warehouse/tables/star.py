"""The star schema that BI clients read: facts of calls by day, and the dimensions they point to.

Plain declared types, no JSON, integer keys. A fact's key begins with its `date_key`; columns of the
same name join, and nothing else has to be known. There are no foreign keys: a day's rows are
replaced as a whole. Clients are given the views `published_…` (`migrations/published_views.py`).

The transcripts in them are masked, and no customer's number is in any of them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from callqa_assets.warehouse.tables.columns import (
    Hash,
    Id,
    UtcDateTime,
    end_s_column,
    metadata,
    role_column,
    start_s_column,
)


def _key(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False, comment=comment)


def _ref(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, comment=comment)


def _count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, comment=comment)


def _known_count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, comment=comment)


def _value(name: str, comment: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, comment=comment)


def _flag(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, comment=comment)


def _text(name: str, comment: str, length: int | None = None) -> sa.Column[str]:
    kind = sa.Text() if length is None else sa.String(length)
    return sa.Column(name, kind, comment=comment)


def _date_key() -> sa.Column[int]:
    return _key("date_key", "Local day of the call as a number, e.g. `20250314`; in `dim_date`.")


def _call_key() -> sa.Column[int]:
    return _key("call_key", "The call, in `fact_call`; it keeps its number for ever.")


def _call_day() -> sa.Column[Any]:
    # A DATE would shift date filters of BI clients by a day on SQLite: they compare texts.
    return sa.Column(
        "call_day",
        sa.DateTime,
        nullable=False,
        comment="Midnight at the beginning of the local day, for date filters, e.g. "
        "`2025-03-14 00:00:00`.",
    )


def _call_columns() -> tuple[sa.Column[Any], ...]:
    """What every fact of a call begins with."""
    return (
        _date_key(),
        _call_key(),
        _call_day(),
        _ref("agent_key", "The agent, in `dim_agent`; 0: not known."),
        _ref("queue_key", "The queue, in `dim_queue`; 0: not known."),
    )


def _channel_key() -> sa.Column[int]:
    return _key("channel", "Audio channel of the recording, from 0.")


def _unless_separate(what: str) -> str:
    return f"{what} NULL: not to be known, the two are not on channels of their own."


dim_date = sa.Table(
    "dim_date",
    metadata,
    _key("date_key", "The day as a number, e.g. `20250314`."),
    _call_day(),
    _ref("year", "Year, e.g. `2025`."),
    _ref("quarter", "Quarter of the year, 1 to 4."),
    _ref("month", "Month, 1 to 12."),
    _ref("day_of_month", "Day of the month, 1 to 31."),
    _ref("iso_year", "Year of the ISO week, e.g. `2025`."),
    _ref("iso_week", "ISO week, 1 to 53; weeks begin on Monday."),
    _ref("weekday", "ISO weekday, 1: Monday, to 7: Sunday."),
    sa.Column(
        "is_weekend", sa.Boolean, nullable=False, comment="Whether it is a Saturday or a Sunday."
    ),
    _flag(
        "is_workday",
        "Whether people work in China: not on public holidays, but on make-up days, also on "
        "weekends. NULL: `configs/workdays.csv` does not cover the year.",
    ),
    _text("holiday", "Public holiday in China, e.g. `春节`; NULL: none, or not covered.", 40),
    comment="Days from 2020 to 2030, local.",
)

dim_agent = sa.Table(
    "dim_agent",
    metadata,
    _key("agent_key", "Number of the agent; 0: not known."),
    _text("agent_id", "The agent, as the metadata says, e.g. `1001`; NULL: not known (0)."),
    sa.UniqueConstraint("agent_id"),
    comment="Agents.",
)

dim_queue = sa.Table(
    "dim_queue",
    metadata,
    _key("queue_key", "Number of the queue; 0: not known."),
    _text("queue", "The queue, as the metadata says; NULL: not known (0)."),
    sa.UniqueConstraint("queue"),
    comment="Queues.",
)

dim_topic = sa.Table(
    "dim_topic",
    metadata,
    _key("topic_key", "Number of the topic; 0: not known."),
    _text("topic", "The topic, as in `configs/topics.yaml`, e.g. `退费`; NULL: not known (0)."),
    sa.UniqueConstraint("topic"),
    comment="Topics.",
)

dim_script_item = sa.Table(
    "dim_script_item",
    metadata,
    _key("script_item_key", "Number of the item; 0: not known."),
    _text("script", "The script, as in `configs/scripts.yaml`; NULL: not known (0)."),
    _text("item", "The item of the script, e.g. `greeting`; NULL: not known (0)."),
    sa.UniqueConstraint("script", "item"),
    comment="What the scripts require and forbid.",
)

dim_rule = sa.Table(
    "dim_rule",
    metadata,
    _key("rule_key", "Number of the rule; 0: not known."),
    _text("rule", "Name of the rule, e.g. `customer_anger`; NULL: not known (0)."),
    sa.UniqueConstraint("rule"),
    comment="Rules of alerts.",
)

dim_model_set = sa.Table(
    "dim_model_set",
    metadata,
    _key("model_set_key", "Number of the combination; 0: not known."),
    _text("vad_model", "Model that found the segments; NULL: not known."),
    _text("asr_model", "Model that transcribed; NULL: not known."),
    _text("emotion_model", "Model that scored emotions; NULL: not known."),
    sa.Column(
        "fingerprints",
        Hash,
        comment="Hash over the fingerprints of the three stages: another one where only parameters "
        "differ, too. NULL: not known (0).",
    ),
    sa.UniqueConstraint("fingerprints"),
    comment="Combinations of models that processed a call. Figures of different ones are not to be "
    "compared without thought.",
)

call_keys = sa.Table(
    "call_keys",
    metadata,
    _key("call_key", "Number of the call, from 1."),
    sa.Column("recording_id", Id, nullable=False, comment="The recording, in `recordings`."),
    sa.UniqueConstraint("recording_id"),
    comment="Which number a recording has in the star schema: given once, never another one.",
)

fact_call = sa.Table(
    "fact_call",
    metadata,
    *_call_columns(),
    sa.Column("recording_id", Id, nullable=False, comment="The recording, in `recordings`."),
    _text("call_id", "The call's id in the phone platform, e.g. `C-77`; NULL: not known."),
    sa.Column(
        "started_local",
        sa.DateTime,
        nullable=False,
        comment="Start of the call on the local clock, e.g. `2025-03-14 09:30:00`.",
    ),
    sa.Column("started_utc", UtcDateTime, nullable=False, comment="Start of the call, UTC."),
    sa.Column("ingested_utc", UtcDateTime, nullable=False, comment="When it was ingested, UTC."),
    sa.Column(
        "analysed_utc",
        UtcDateTime,
        comment="When the last of its stages ended, UTC; NULL: none has succeeded.",
    ),
    _ref("model_set_key", "The models that processed it, in `dim_model_set`; 0: not known."),
    sa.Column(
        "is_complete",
        sa.Boolean,
        nullable=False,
        comment="Whether every stage succeeded; where one was given up, what it would have found "
        "is NULL, or 0 where it is counted.",
    ),
    _text("line", "The telephone line, as the metadata says; NULL: not known."),
    _text("business_line", "The line of business, as the metadata says; NULL: not known."),
    sa.Column("duration_s", sa.Double, nullable=False, comment="Duration of the recording, s."),
    _count("channels", "Number of audio channels."),
    _flag(
        "channels_ok",
        "Whether agent and customer are on channels of their own, so that who interrupts whom can "
        "be known. NULL: `call_metrics` has nothing of the call.",
    ),
    _text("time_basis", "What the times of talk come from: `words`. NULL: no `call_metrics`.", 8),
    _value("conversation_start_s", "First word of anybody, s from the start; NULL: nobody spoke."),
    _value("conversation_end_s", "Last word of anybody, s from the start; NULL: nobody spoke."),
    _value("conversation_s", "From the first to the last word, s; NULL: nobody spoke."),
    _value("lead_silence_s", "Before the first word, s; NULL: nobody spoke."),
    _value("tail_silence_s", "After the last word, s; NULL: nobody spoke."),
    _value("agent_talk_s", "Talk of the agent, s; NULL: no channel is known to be the agent's."),
    _value("customer_talk_s", "Talk of the customer, s; NULL: no channel is the customer's."),
    _value("talk_balance", "Agent's share of the talk of the two, 0 to 1; NULL: not known."),
    _value("overlap_s", _unless_separate("Both speak at once, s;")),
    _value("overlap_share", _unless_separate("`overlap_s` / `conversation_s`;")),
    _value("silence_s", "Nobody speaks during the conversation, s; NULL: nobody spoke."),
    _value("silence_over_3s_s", "Of that, silences of more than 3 s, s; NULL: nobody spoke."),
    _value("silence_over_5s_s", "Of that, silences of more than 5 s, s; NULL: nobody spoke."),
    _known_count("silences_over_3s", "Number of silences of more than 3 s; NULL: nobody spoke."),
    _value("longest_silence_s", "Longest silence, s; NULL: nobody spoke."),
    _value("hold_s", "On hold, s, taken out of the silence; NULL: the metadata names no holds."),
    _value("unheard_s", "Segments of speech without words, s; NULL: no `call_metrics`."),
    _known_count("turns", "Turns of all speakers; NULL: no `call_metrics`."),
    _known_count("agent_interruptions", _unless_separate("Interruptions by the agent.")),
    _known_count("customer_interruptions", _unless_separate("Interruptions by the customer.")),
    _value(
        "response_delay_median_s",
        "Median of the agent's delays in answering, s; negative: begun early. NULL: no answer, or "
        "not to be known.",
    ),
    _value("response_delay_p90_s", "90th percentile of these delays, s; NULL as the median."),
    _known_count("response_delays", "Number of these answers; NULL: not to be known."),
    _value(
        "agent_chars_per_min",
        "Median speaking rate of the agent's turns, Han characters and Latin words a minute; NULL: "
        "too little said, or no channel is the agent's.",
    ),
    _value("customer_chars_per_min", "The same of the customer; NULL as for the agent."),
    _value(
        "customer_labelled_s",
        "Speech of the customer with a known emotion, s; NULL: no channel is the customer's.",
    ),
    _value(
        "customer_negative_s",
        "Of that, angry, disgusted, fearful or sad, s; NULL as `customer_labelled_s`.",
    ),
    _value(
        "customer_negative_share",
        "`customer_negative_s` / `customer_labelled_s`; NULL: too little speech with a known "
        "emotion. Average it over calls as sum over sum.",
    ),
    _text(
        "customer_final_emotion",
        "Emotion of the customer's last 20 s of speech; NULL: not known.",
        12,
    ),
    _known_count(
        "tone_text_conflicts",
        "Spans with polite words in an angry voice; NULL: no `call_metrics`.",
    ),
    _flag(
        "is_unhappy",
        "The customer ends angry, disgusted, fearful or sad, or there is an alert of priority "
        "`high` on the customer. NULL: there is none, and how the customer ends is not known.",
    ),
    _count("alerts", "Alerts in force, without rules on trial."),
    _count("alerts_high", "Of these, of priority `high`."),
    _count("script_applicable", "Items of scripts that apply to the call, `unsure` ones included."),
    _count("script_missed", "Of these, required ones that were not said."),
    _count("script_forbidden", "Forbidden phrases that were said."),
    _count("script_unsure", "Items of which it is not sure, because the words were hard to hear."),
    _count("topics", "Number of different topics that are spoken of."),
    sa.Index(None, "call_key"),
    sa.Index(None, "recording_id"),
    comment="Calls: one row each.",
)

fact_call_channel = sa.Table(
    "fact_call_channel",
    metadata,
    *_call_columns(),
    _channel_key(),
    role_column(),
    _value(
        "conversation_s",
        "Conversation of the call, s: what `talk_share` refers to. NULL: nobody spoke.",
    ),
    _value("talk_s", "Talk, s; NULL: not known."),
    _value("talk_share", "`talk_s` / `conversation_s`; NULL: nobody spoke."),
    _known_count("turns", "Turns; NULL: not known."),
    _known_count("chars", "Han characters and Latin words said; NULL: not known."),
    _value("chars_per_min_median", "Median speaking rate of turns, a minute; NULL: too little."),
    _value("chars_per_min_p90", "90th percentile of that rate; NULL: too little said."),
    _known_count("overlaps_over_300ms", _unless_separate("Overlaps of more than 0.3 s.")),
    _known_count("interruptions", _unless_separate("Interruptions by this side.")),
    _known_count(
        "interruptions_yielded", _unless_separate("Of these, those that were yielded to.")
    ),
    _value(
        "interruptions_per_10min",
        _unless_separate("`interruptions` for 10 minutes of the other side's talk."),
    ),
    _known_count("backchannels", _unless_separate("Short signs of listening (嗯, 好的).")),
    _value("level_median_dbfs", "Median level of segments, dBFS; NULL: no speech."),
    _value(
        "level_rise_db",
        "95th percentile of the levels less their median, dB: compare a speaker only with "
        "themselves. NULL: too little speech.",
    ),
    _value("labelled_s", "Speech with a known emotion, s; NULL: not known."),
    _value("negative_s", "Of that, angry, disgusted, fearful or sad, s; NULL: not known."),
    _value("negative_share", "`negative_s` / `labelled_s`; NULL: too little speech."),
    _value(
        "trend",
        "`negative_share` of the last quarter less that of the first; NULL: one is not known.",
    ),
    comment="Channels of calls, with who speaks there: one row each.",
)

fact_call_quarter = sa.Table(
    "fact_call_quarter",
    metadata,
    *_call_columns(),
    _channel_key(),
    _key("quarter", "Quarter of the conversation, 1 to 4."),
    role_column(),
    start_s_column("quarter"),
    end_s_column("quarter"),
    _value("labelled_s", "Speech with a known emotion, s; NULL: not known."),
    _value("negative_s", "Of that, angry, disgusted, fearful or sad, s; NULL: not known."),
    _value("negative_share", "`negative_s` / `labelled_s`; NULL: less than 3 s with an emotion."),
    comment="How emotion goes through a call: one row for each channel and quarter.",
)

fact_segment = sa.Table(
    "fact_segment",
    metadata,
    *_call_columns(),
    _channel_key(),
    _key("segment_no", "Number of the segment on its channel, from 0."),
    role_column(),
    start_s_column("segment"),
    end_s_column("segment"),
    sa.Column(
        "text",
        sa.Text,
        nullable=False,
        comment="What was said, personal data masked; empty where no speech was recognised.",
    ),
    sa.Column("language", sa.String(16), nullable=False, comment="ISO 639 code, e.g. `zh`."),
    sa.Column("confidence", sa.Double, nullable=False, comment="Of the transcript, 0 to 1."),
    _text("emotion", "Emotion of the segment, e.g. `angry`; NULL: not known.", 12),
    _value("emotion_confidence", "Posterior of the best emotion, 0 to 1; NULL: not known."),
    comment="What was said and how: one row for each segment of speech.",
)

fact_topic_hit = sa.Table(
    "fact_topic_hit",
    metadata,
    *_call_columns(),
    _channel_key(),
    _key("segment_no", "The segment, in `fact_segment`."),
    _key("hit_no", "Number of the hit in the segment, from 0."),
    _ref("topic_key", "The topic, in `dim_topic`."),
    role_column(),
    start_s_column("words"),
    end_s_column("words"),
    sa.Column("text", sa.Text, nullable=False, comment="The words, personal data masked."),
    comment="Where calls speak of a topic: one row for each place.",
)

fact_script_check = sa.Table(
    "fact_script_check",
    metadata,
    *_call_columns(),
    _key("script_item_key", "The item, in `dim_script_item`."),
    sa.Column(
        "outcome",
        sa.String(16),
        nullable=False,
        comment="`passed`, `missed`, `unsure`, `forbidden` (a forbidden phrase was said) or "
        "`not_applicable`.",
    ),
    _text("reason", "Why, as in `script_checks`; NULL: `passed` or `forbidden`.", 16),
    _known_count("channel", "Audio channel of the words, from 0; NULL: not said."),
    _text("role", "Who said the words; NULL: not said.", 32),
    _value("start_s", "Start of the words, s from the start of the recording; NULL: not said."),
    _value("end_s", "End of the words, s from the start of the recording; NULL: not said."),
    _value("score", "How well they match, 0 to 100; NULL: nothing was compared."),
    _text("matched_text", "The words as heard, personal data masked; NULL: not said."),
    sa.Column("expected", sa.Text, nullable=False, comment="The item's wordings."),
    sa.Column("needs_review", sa.Boolean, nullable=False, comment="A person is to look at it."),
    comment="Items of scripts in calls: one row each.",
)

fact_alert = sa.Table(
    "fact_alert",
    metadata,
    *_call_columns(),
    _key("alert_no", "Number of the alert in the call by time, from 0."),
    sa.Column("alert_id", Id, nullable=False, comment="The alert, in `alerts`."),
    _ref("rule_key", "The rule, in `dim_rule`."),
    sa.Column("priority", sa.String(8), nullable=False, comment="`high`, `medium` or `low`."),
    sa.Column(
        "mode", sa.String(8), nullable=False, comment="`live`, or `shadow`: a rule on trial."
    ),
    sa.Column(
        "channel", sa.Integer, nullable=False, comment="Audio channel of the recording, from 0."
    ),
    role_column(),
    start_s_column("stretch in which the rule held"),
    end_s_column("stretch"),
    sa.Column(
        "fired_at_s",
        sa.Double,
        nullable=False,
        comment="Moment from which the alert was certain, s from the start of the recording.",
    ),
    sa.Column("peak", sa.Double, nullable=False, comment="Highest value, as in `alerts`."),
    sa.Column(
        "needs_review", sa.Boolean, nullable=False, comment="A person is to decide about it."
    ),
    sa.Column(
        "is_inhibited",
        sa.Boolean,
        nullable=False,
        comment="It is not delivered, because another alert of the call inhibits it.",
    ),
    comment="Alerts in force: one row each.",
)

fact_repeat_contact = sa.Table(
    "fact_repeat_contact",
    metadata,
    *_call_columns(),
    sa.Column(
        "customer_hash",
        Hash,
        comment="Keyed hash (HMAC-SHA256) of the customer's number: the same for the same customer "
        "as long as the key stays. NULL: no number, or no key is set (`CALLQA_CUSTOMER_KEY`), and "
        "then the other columns are NULL, too.",
    ),
    _flag(
        "is_repeat",
        "The customer called about the same topic in the 7 days before. NULL: the "
        "customer or what the call is about is not known.",
    ),
    _known_count("repeat_of_call_key", "The latest such call, in `fact_call`; NULL: none."),
    _known_count("repeat_topic_key", "The topic of both, in `dim_topic`; NULL: no repeat."),
    _value("repeat_after_s", "From the start of that call to the start of this, s; NULL: none."),
    _known_count(
        "repeat_after_workdays",
        "Workdays after the day of that call, up to this day; NULL: none, or the calendar of the "
        "year is not covered.",
    ),
    _flag(
        "repeated_within_7d",
        "The customer calls again about the same topic in the 7 days after. NULL: as `is_repeat`, "
        "or these days are not over, whatever is known already.",
    ),
    _known_count(
        "chain_call_key", "First call of the chain, in `fact_call`; NULL: as `is_repeat`."
    ),
    _known_count(
        "chain_position", "Position of the call in the chain, 1: first; NULL: as `is_repeat`."
    ),
    _known_count(
        "chain_length",
        "Calls of the chain so far, up to the end of this day; NULL: as `is_repeat`.",
    ),
    comment="Who calls again about the same: one row for each call. A chain is a customer's calls, "
    "each a repeat of an earlier one, followed back for 28 days.",
)

mart_columns = sa.Table(
    "mart_columns",
    metadata,
    sa.Column(
        "table_name", sa.String(64), primary_key=True, comment="The table, e.g. `fact_call`."
    ),
    _key("column_no", "Position of the column, from 1; 0: the table itself."),
    _text("column_name", "The column, e.g. `call_key`; NULL: the table itself.", 64),
    _text("type", "Its type: `integer`, `double`, `text` …; NULL: the table itself.", 16),
    _flag("is_key", "Whether it is part of the key; NULL: the table itself."),
    _flag("may_be_null", "Whether it may be NULL; NULL: the table itself."),
    sa.Column("meaning", sa.Text, nullable=False, comment="What it means, Markdown."),
    comment="The data dictionary of the marts, for clients that show it.",
)

DIMENSIONS = (
    dim_date,
    dim_agent,
    dim_queue,
    dim_topic,
    dim_script_item,
    dim_rule,
    dim_model_set,
)
FACTS = (
    fact_call,
    fact_call_channel,
    fact_call_quarter,
    fact_segment,
    fact_topic_hit,
    fact_script_check,
    fact_alert,
    fact_repeat_contact,
)
