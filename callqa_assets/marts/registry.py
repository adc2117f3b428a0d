"""The marts in the order in which a day's are computed: the one list of them."""

from __future__ import annotations

from callqa_assets.marts import (
    agent_daily,
    alerts,
    calls,
    keyword_daily,
    policy_calls,
    policy_explanations,
    queue_daily,
    repeat_contacts,
    script_checks,
    segments,
    terms_contrast,
    topic_daily,
    topic_hits,
    topic_spikes,
)
from callqa_assets.marts.mart import Mart

MARTS: tuple[Mart, ...] = (
    calls.MART,
    segments.MART,
    topic_hits.MART,
    script_checks.MART,
    alerts.MART,
    repeat_contacts.MART,
    queue_daily.MART,
    agent_daily.MART,
    keyword_daily.MART,
    topic_daily.MART,
    topic_spikes.MART,
    terms_contrast.MART,
    policy_calls.MART,
    policy_explanations.MART,
)
