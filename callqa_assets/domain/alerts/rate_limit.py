"""Rate limits that hold at the receiver: how many messages may go now, and when the next one may.

A bucket of `messages` tokens in which each token comes back one period after its message was
surely sent. Unlike a bucket that refills steadily, it never lets more than `messages` through in
any period, wherever the receiver begins to count. Pure: what was sent, and the time, come from
the caller, who stores a sending before it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

_SLACK = 0.02
"""Share of a period added to it: the receiver's clock is not ours."""

Sent = Mapping[str, float]
"""A sending to the Unix time (s) by which it is over: that of the answer, or while there is none,
the latest at which the attempt can still reach the receiver."""


class Limit(BaseModel):
    """At most `messages` in any `per_sec` seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: int = Field(ge=1, le=10_000)
    per_sec: float = Field(gt=0, le=86_400)

    @property
    def period_s(self) -> float:
        """Time after which a token comes back."""
        return self.per_sec * (1 + _SLACK)


def count_tokens(limits: Sequence[Limit], sent: Sent, now: float) -> int:
    """How many messages may go now."""
    return min(
        max(0, limit.messages - sum(over + limit.period_s > now for over in sent.values()))
        for limit in limits
    )


def next_token_at(limits: Sequence[Limit], sent: Sent, now: float) -> float:
    """Unix time (s) from which a message may go; `now` where one may go at once."""
    moments = [now]
    for limit in limits:
        counting = sorted(over for over in sent.values() if over + limit.period_s > now)
        if len(counting) >= limit.messages:
            moments.append(counting[-limit.messages] + limit.period_s)
    return max(moments)


def still_counting(limits: Sequence[Limit], sent: Sent, now: float) -> dict[str, float]:
    """What of `sent` still holds a token; the rest may be forgotten."""
    longest_s = max(limit.period_s for limit in limits)
    return {sending: over for sending, over in sent.items() if over + longest_s > now}
