"""Tables of topics and words: what each call is about, and keywords and spikes by day."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.warehouse.tables.columns import (
    Hash,
    Id,
    Json,
    UtcDateTime,
    channel_column,
    day_column,
    end_s_column,
    metadata,
    recording_id_column,
    role_column,
    segment_no_column,
    start_s_column,
)

topic_hits = sa.Table(
    "topic_hits",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    segment_no_column(),
    sa.Column(
        "hit_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the hit in its segment, from 0, by time.",
    ),
    day_column(),
    role_column(),
    sa.Column(
        "topic",
        sa.String(80),
        nullable=False,
        comment="Name of the topic in `configs/topics.yaml`, e.g. `退费`.",
    ),
    start_s_column("words"),
    end_s_column("words"),
    sa.Column("text", sa.Text, nullable=False, comment="The words, as transcribed, e.g. `退费`."),
    sa.Index(None, "day", "topic"),
    comment="Where topics are spoken of: one row for each stretch of words that a topic's phrases "
    "match. Words of one topic that overlap are one hit.",
)

call_terms = sa.Table(
    "call_terms",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    day_column(index=True),
    role_column(),
    sa.Column(
        "terms",
        Json,
        nullable=False,
        comment='Word to how often it is said, e.g. `{"退费": 2, "会员": 1}`: words of the '
        "dictionary, of topics and of hotwords, without stop words and numbers; `{}`: none.",
    ),
    comment="The words of each channel with speech: one row each.",
)


def _date_key_column() -> sa.Column[int]:
    return sa.Column(
        "date_key",
        sa.Integer,
        primary_key=True,
        autoincrement=False,
        comment="The day as a number, e.g. `20250314`, as in `dim_date`.",
    )


def _queue_key_column() -> sa.Column[int]:
    return sa.Column(
        "queue_key",
        sa.Integer,
        primary_key=True,
        autoincrement=False,
        comment="The queue, in `dim_queue`; 0: not known.",
    )


def _role_key_column() -> sa.Column[str]:
    return sa.Column(
        "role",
        sa.String(32),
        primary_key=True,
        comment="Who says it: `agent`, `customer`, `mixed` …, as in `segments`.",
    )


def _term_column() -> sa.Column[str]:
    return sa.Column("term", sa.String(80), primary_key=True, comment="The word, e.g. `会员`.")


def _topic_key_column() -> sa.Column[str]:
    return sa.Column(
        "topic",
        sa.String(80),
        primary_key=True,
        comment="Name of the topic in `configs/topics.yaml`, e.g. `退费`.",
    )


def _count_column(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, comment=comment)


keyword_daily = sa.Table(
    "keyword_daily",
    metadata,
    _date_key_column(),
    _queue_key_column(),
    _role_key_column(),
    _term_column(),
    _count_column("calls", "Calls of the queue on the day in which the role says the word; 3 up."),
    _count_column("calls_all", "All calls of the queue on the day in which the role speaks."),
    _count_column("agents", "Known agents in `calls`."),
    _count_column("occurrences", "How often it is said in them."),
    sa.Column(
        "share", sa.Double, nullable=False, comment="`calls` / `calls_all`, 0 to 1, e.g. `0.031`."
    ),
    comment="Words by day, queue and role: one row for each word that at least 3 calls say.",
)

topic_daily = sa.Table(
    "topic_daily",
    metadata,
    _date_key_column(),
    _queue_key_column(),
    _topic_key_column(),
    _count_column("calls", "Calls of the queue on the day that speak of the topic; 0: none."),
    _count_column("calls_all", "All calls of the queue on the day."),
    _count_column("agents", "Known agents in `calls`."),
    _count_column("hits", "Rows of `topic_hits` of them."),
    sa.Column(
        "share", sa.Double, nullable=False, comment="`calls` / `calls_all`, 0 to 1, e.g. `0.02`."
    ),
    sa.Column(
        "recogniser",
        Hash,
        nullable=False,
        comment="Hash of the speech recogniser and the hotwords by which most of these calls were "
        "transcribed: days with another one cannot be compared.",
    ),
    sa.Column(
        "definition",
        Hash,
        nullable=False,
        comment="Hash of the topic's phrases by which most of these calls were searched: likewise.",
    ),
    comment="Topics by day and queue: a row for every topic that is looked for in the queue.",
)

topic_spikes = sa.Table(
    "topic_spikes",
    metadata,
    _date_key_column(),
    _topic_key_column(),
    sa.Column(
        "state",
        sa.String(10),
        primary_key=True,
        comment="`usual`; `spike`: more calls than the days before let expect; `new`: a spike of a "
        "topic that no call of these days spoke of; `too_young`: fewer than 28 days to compare "
        "with, nothing can be said.",
    ),
    _count_column("calls", "Calls of the day that speak of the topic."),
    _count_column("calls_all", "All calls of the day in the queues in which it is looked for."),
    _count_column("agents", "Known agents in `calls`."),
    _count_column(
        "days",
        "Days of the 56 before to compare with: published, and transcribed by the same recogniser "
        "with the same hotwords and searched for the same phrases.",
    ),
    sa.Column(
        "expected",
        sa.Double,
        comment="Calls that were to be expected, e.g. `12.4`; NULL: too young.",
    ),
    sa.Column("ratio", sa.Double, comment="`calls` / `expected`, e.g. `3.1`; NULL: too young."),
    sa.Column(
        "p_value",
        sa.Double,
        comment="Probability of as many calls or more on a usual day; NULL: too young.",
    ),
    sa.Column(
        "q_value",
        sa.Double,
        comment="The same, adjusted for the number of topics (Benjamini and Hochberg); a spike has "
        "at most 0.065. NULL: too young.",
    ),
    sa.Column(
        "superseded_at",
        UtcDateTime,
        comment="When a recomputation of the day no longer found this spike, UTC: it was told, so "
        "it is kept, with what was told. NULL: it is what is known.",
    ),
    sa.CheckConstraint("state IN ('usual', 'spike', 'new', 'too_young')", name="state"),
    comment="Each topic on each day, compared with the 56 days before: one row that is not "
    "superseded, and those spikes that are.",
)

terms_contrast = sa.Table(
    "terms_contrast",
    metadata,
    _date_key_column(),
    _queue_key_column(),
    _role_key_column(),
    _term_column(),
    _count_column("unhappy_with", "Unhappy calls in which the role says the word."),
    _count_column("unhappy_calls", "All unhappy calls in which the role speaks."),
    _count_column("other_with", "Other calls in which the role says the word."),
    _count_column("other_calls", "All other calls in which the role speaks."),
    _count_column("agents", "Known agents in `unhappy_with`; 5 up."),
    sa.Column(
        "odds_ratio",
        sa.Double,
        nullable=False,
        comment="Odds of the word in unhappy calls by those in others, drawn towards 1 as if 50 "
        "more calls of each kind said it as often as all do, e.g. `2.4`.",
    ),
    sa.Column("z", sa.Double, nullable=False, comment="Its logarithm by its standard error."),
    sa.Column(
        "q_value",
        sa.Double,
        nullable=False,
        comment="Adjusted probability (Benjamini and Hochberg, over all words of the day); at most "
        "0.05: 1 word in 20 stands here by chance.",
    ),
    comment="Words that stand in unhappy calls of the 28 days up to the day, against other calls "
    "of the same queue; words by which a call was found to be unhappy are left out.",
)

terms_contrast_examples = sa.Table(
    "terms_contrast_examples",
    metadata,
    _date_key_column(),
    _queue_key_column(),
    _role_key_column(),
    _term_column(),
    sa.Column(
        "example_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the example, from 0; the newest call first.",
    ),
    sa.Column("recording_id", Id, nullable=False, comment="An unhappy call that says the word."),
    channel_column(nullable=False),
    start_s_column("word"),
    end_s_column("word"),
    comment="Where the words of `terms_contrast` can be heard: up to 3 calls of different agents.",
)
