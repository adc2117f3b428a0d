"""Rate limits that hold at the receiver: how many messages may be sent now, and when the next one.

A token bucket in which each of the `messages` tokens returns one period after its message was
certainly sent. Unlike a bucket that refills steadily, it never allows more than `messages` in any
period, wherever the receiver begins to count. The caller passes in the time and the sendings, each
of which it stores before it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

_SLACK = 0.02
"""Share by which periods are lengthened: the receiver's clock differs from ours."""

Sent = Mapping[str, float]
"""Each sending with the Unix time (s) at which it is over: that of the answer or, until there is
one, the latest at which the attempt can still reach the receiver."""


class Limit(BaseModel):
    """At most `messages` in any `per_sec` seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: int = Field(ge=1, le=10_000)
    per_sec: float = Field(gt=0, le=86_400)

    @property
    def period_s(self) -> float:
        """Seconds after which a token returns."""
        return self.per_sec * (1 + _SLACK)


def count_tokens(limits: Sequence[Limit], sent: Sent, now: float) -> int:
    """How many messages may be sent now."""
    return min(
        max(0, limit.messages - sum(over + limit.period_s > now for over in sent.values()))
        for limit in limits
    )


def next_token_at(limits: Sequence[Limit], sent: Sent, now: float) -> float:
    """Unix time (s) from which a message may be sent; `now` where one may be sent at once."""
    moments = [now]
    for limit in limits:
        counting = sorted(over for over in sent.values() if over + limit.period_s > now)
        if len(counting) >= limit.messages:
            moments.append(counting[-limit.messages] + limit.period_s)
    return max(moments)


def still_counting(limits: Sequence[Limit], sent: Sent, now: float) -> dict[str, float]:
    """Those of `sent` that still hold a token; the others may be deleted."""
    longest_s = max(limit.period_s for limit in limits)
    return {sending: over for sending, over in sent.items() if over + longest_s > now}
