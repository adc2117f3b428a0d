"""Tables of agents and queues by day, and of how agents explain a policy.

Agents are compared with what their calls let expect (`domain/statistics/agents.py`): never ranked,
and named only in `finding`, where a difference is sure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from callqa_assets.warehouse.tables.columns import Id, metadata


def _key(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False, comment=comment)


def _word_key(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True, comment=comment)


def _count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, comment=comment)


def _sum(name: str, comment: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False, comment=comment)


def _value(name: str, comment: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=True, comment=comment)


def _day_key() -> sa.Column[int]:
    return _key("date_key", "The day as a number, e.g. `20250314`.")


def _agent_key() -> sa.Column[int]:
    return _key("agent_key", "The agent, in `dim_agent`.")


def _queue_key() -> sa.Column[int]:
    return _key("queue_key", "The queue, in `dim_queue`; 0: not known.")


def _measure() -> sa.Column[str]:
    return sa.Column(
        "measure",
        sa.String(16),
        primary_key=True,
        comment="What is counted, in calls; more is worse: `unhappy` (of calls with a known final "
        "emotion of the customer or a high alert on the customer: unhappy ones), `high_alert` (of "
        "all calls: with an alert of high priority), `script_miss` (of calls with an applicable "
        "script item: with a missed one), `interruption` (of calls in which it can be known: the "
        "agent interrupts).",
    )


def _topic() -> sa.Column[str]:
    return _word_key("topic", "The topic, as in `configs/topics.yaml`, e.g. `退费`.")


def _comparison(expected: str, than: str) -> Iterator[sa.Column[Any]]:
    """Columns of a comparison over 28 days; see `domain.statistics.agents.compare`."""
    yield _value("raw", "`n_events` / `n`: of few calls mostly chance; NULL: no calls.")
    yield _sum("wilson_lo", "Lower end of the 95 % interval of `raw` alone (Wilson).")
    yield _sum("wilson_hi", "Upper end of it.")
    yield _value("expected", f"{expected} NULL: no calls.")
    yield _value(
        "shrunk",
        "Estimate of the true rate: `raw` drawn towards `expected`, the more the fewer calls and "
        "the more alike the agents. NULL: nothing to compare with (a single agent, or no event).",
    )
    yield _value("lo", "Lower end of its 95 % interval; NULL as `shrunk`.")
    yield _value("hi", "Upper end of it; NULL as `shrunk`.")
    yield _value(
        f"p_worse_than_{than}",
        "Probability that the true rate is above `expected`, 0 to 1; NULL as `shrunk`.",
    )
    yield sa.Column(
        "finding",
        sa.String(8),
        comment="`worse` or `better` than expected: at least 30 calls and a probability above 0.95 "
        "or below 0.05. NULL: not to be named.",
    )


def _n(what: str = "could be judged") -> Iterator[sa.Column[int]]:
    yield _count("n", f"Calls of the 28 days up to this one that {what}.")
    yield _count("n_events", "Those with the event.")


_EXPECTED_IN_QUEUE = "`n_events` / `n`, had every call the rate of the queue on its day."

agent_daily = sa.Table(
    "agent_daily",
    metadata,
    _day_key(),
    _agent_key(),
    _queue_key(),
    _measure(),
    _count("calls", "Calls of the day that could be judged; 0: none."),
    _count("events", "Those with the event, e.g. unhappy ones."),
    *_n(),
    *_comparison(_EXPECTED_IN_QUEUE, "queue"),
    comment="Agents within one queue: a row for each measure, with the day's counts, and the 28 "
    "days up to it against the colleagues of the queue. Agents without a call in these days have "
    "no row.",
)

agent_mix_daily = sa.Table(
    "agent_mix_daily",
    metadata,
    _day_key(),
    _agent_key(),
    _measure(),
    *_n(),
    *_comparison(
        "`n_events` / `n`, had every call the rate of its queue on its day (indirect "
        "standardisation): what the agent's mix of queues lets expect.",
        "expected",
    ),
    comment="Agents over all their queues, the 28 days up to the day, against what their mix of "
    "queues and days lets expect: a row for each measure.",
)

queue_daily = sa.Table(
    "queue_daily",
    metadata,
    _day_key(),
    _queue_key(),
    _count("calls", "Calls of the day."),
    _count("agents", "Different agents who took them, known ones."),
    _sum("duration_s", "Duration of the recordings, s."),
    _sum("conversation_s", "From the first to the last word of each call, s."),
    _sum("agent_talk_s", "Talk of agents, s."),
    _sum("customer_talk_s", "Talk of customers, s."),
    _value("talk_balance", "Agents' share of the talk of both; NULL: no talk."),
    _sum("silence_s", "Nobody speaks, s."),
    _sum("silence_over_3s_s", "Silences of more than 3 s, s."),
    _value("silence_share", "`silence_s` / `conversation_s`; NULL: no conversation."),
    _sum("overlap_s", "Both speak at once, s, in calls in which it can be known."),
    _sum("overlap_conversation_s", "Conversation of these calls, s."),
    _value("overlap_share", "`overlap_s` / `overlap_conversation_s`; NULL: no such call."),
    _count("calls_interruption_known", "Calls in which interruptions can be known."),
    _count("calls_interrupted", "Those in which the agent interrupts."),
    _count("agent_interruptions", "Interruptions by agents."),
    _value("interrupted_share", "`calls_interrupted` / `calls_interruption_known`; NULL: of none."),
    _count("calls_with_response", "Calls in which an agent answers the customer."),
    _value(
        "response_delay_median_s",
        "Median over these calls of the call's median delay of the agent's answers, s; NULL: none.",
    ),
    _count(
        "calls_judged",
        "Calls with a known final emotion of the customer, or a high alert on the customer.",
    ),
    _count("calls_unhappy", "Those that are unhappy."),
    _value("unhappy_share", "`calls_unhappy` / `calls_judged`; NULL: of none."),
    _sum("unhappy_lo", "Lower end of the 95 % interval of that share (Wilson)."),
    _sum("unhappy_hi", "Upper end of it."),
    _count("alerts", "Alerts in force."),
    _count("alerts_high", "Those of high priority."),
    _count("calls_with_high_alert", "Calls with one of these."),
    _sum("high_alert_share", "`calls_with_high_alert` / `calls`."),
    _count("script_applicable", "Script items that applied."),
    _count("script_missed", "Those that were missed."),
    _value("script_miss_share", "`script_missed` / `script_applicable`; NULL: of none."),
    comment="Queues by day: one row each, shares beside their numerators and denominators, so that "
    "several days add up.",
)

policy_calls = sa.Table(
    "policy_calls",
    metadata,
    _day_key(),
    _key("call_key", "The call, in `fact_call`."),
    _topic(),
    sa.Column("recording_id", Id, nullable=False, comment="The recording, in `recordings`."),
    sa.Column("agent_key", sa.Integer, nullable=False, comment="The agent, in `dim_agent`."),
    sa.Column("queue_key", sa.Integer, nullable=False, comment="The queue, in `dim_queue`."),
    _sum("topic_s", "When the topic first came up, s from the start of the recording."),
    _value(
        "explained_from_s",
        "When the agent first spoke of it (topic or point), s from the start of the recording; "
        "NULL: the agent did not.",
    ),
    _value(
        "explained_to_s", "When the agent last did, s from the start; NULL as `explained_from_s`."
    ),
    _value("agent_talk_s", "Talk of the agent in the call, s; NULL: not known."),
    _count("points", "Points that the topic asks of an agent."),
    _count("points_said", "Those that the agent made."),
    _sum("after_labelled_s", "The customer's speech of a known emotion after it, s."),
    _sum("after_negative_s", "Of it: angry, disgusted, fearful or sad, s."),
    sa.Column(
        "negative_after",
        sa.Boolean,
        comment="More than half of it is; NULL: less than 3 s, or nothing explained.",
    ),
    comment="Calls on a topic that has points to be explained: a row for each call and topic.",
)

policy_call_points = sa.Table(
    "policy_call_points",
    metadata,
    _day_key(),
    _key("call_key", "The call, in `fact_call`."),
    _topic(),
    _word_key("point", "The point, as in `configs/topics.yaml`, e.g. `到账时间`."),
    sa.Column("recording_id", Id, nullable=False, comment="The recording, in `recordings`."),
    sa.Column("said", sa.Boolean, nullable=False, comment="Whether the agent made the point."),
    _value("start_s", "When, s from the start of the recording; NULL: not said."),
    _value("end_s", "Until when, s; NULL: not said."),
    comment="The points of a topic in each call on it: said or not, and when.",
)

policy_explanations = sa.Table(
    "policy_explanations",
    metadata,
    _day_key(),
    _topic(),
    _queue_key(),
    _agent_key(),
    _count("calls", "The agent's calls on the topic in the 28 days up to this one."),
    _count("colleagues_calls", "Those of the colleagues in the same queue."),
    _count("points", "Points to be made in the agent's calls."),
    _count("points_said", "Those that were made."),
    _count("colleagues_points", "Points to be made in the colleagues' calls."),
    _count("colleagues_points_said", "Those that were made."),
    _value("agent_talk_median_s", "Median talk of the agent in a call, s; NULL: not known."),
    _value("colleagues_talk_median_s", "Of the colleagues, s; NULL: none."),
    _value(
        "talk_ratio",
        "How many times as long as the colleagues the agent talks in a call (geometric means); "
        "NULL: under 2 calls on a side.",
    ),
    _value("talk_ratio_lo", "Lower end of its 95 % interval; NULL as `talk_ratio`."),
    _value("talk_ratio_hi", "Upper end of it; NULL as `talk_ratio`."),
    *_n("have at least 3 s of the customer's emotion after the explanation"),
    *_comparison(
        "`n_events` / `n`, had every call the rate of the queue. The event: the customer's emotion "
        "after the explanation is mostly negative.",
        "queue",
    ),
    comment="How an agent explains one policy, against the colleagues of the same queue, over the "
    "28 days up to the day: what is said, how long it takes, how the customer is afterwards.",
)

policy_points = sa.Table(
    "policy_points",
    metadata,
    _day_key(),
    _topic(),
    _queue_key(),
    _agent_key(),
    _word_key("point", "The point, as in `configs/topics.yaml`, e.g. `到账时间`."),
    *_n("are on the topic"),
    *_comparison(
        "`n_events` / `n`, had every call the rate of the queue. The event: the point is left out.",
        "queue",
    ),
    sa.Column(
        "said_recording_id", Id, comment="A late example with the point; NULL: it was never made."
    ),
    _value("said_s", "When it is made there, s from the start of the recording; NULL as before."),
    sa.Column("omitted_recording_id", Id, comment="A late example without it; NULL: always made."),
    _value("omitted_topic_s", "When the topic comes up there, s; NULL as before."),
    comment="Points of a policy that an agent leaves out, against the colleagues of the same "
    "queue, over the 28 days up to the day.",
)

policy_words = sa.Table(
    "policy_words",
    metadata,
    _day_key(),
    _topic(),
    _queue_key(),
    _agent_key(),
    _word_key("term", "The word, as in `call_terms`."),
    _count("calls", "The agent's calls on the topic in the 28 days up to this one."),
    _count("calls_with", "Those in which the agent says the word."),
    _count("colleagues_calls", "The calls of colleagues in the same queue."),
    _count("colleagues_calls_with", "Those in which they say it."),
    _sum("odds_ratio", "Odds that the agent says it to those of the colleagues, shrunk."),
    _sum("z", "Log of that ratio by its standard error: above 0 the agent says it more often."),
    sa.Column(
        "example_recording_id",
        Id,
        nullable=False,
        comment="A late call with the word, the agent's or, below 0, a colleague's.",
    ),
    _value("example_s", "When it is said there, s from the start of the recording; NULL: unknown."),
    comment="Words that an agent uses more or less than the colleagues of the same queue in calls "
    "on a topic, over the 28 days up to the day: those of which it is sure (5 % false).",
)
