"""The marts in the order in which a day's are computed: the one list of them."""

from __future__ import annotations

from callqa_assets.marts import (
    alerts,
    calls,
    repeat_contacts,
    script_checks,
    segments,
    topic_hits,
)
from callqa_assets.marts.mart import Mart

MARTS: tuple[Mart, ...] = (
    calls.MART,
    segments.MART,
    topic_hits.MART,
    script_checks.MART,
    alerts.MART,
    repeat_contacts.MART,
)
