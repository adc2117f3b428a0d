"""The facts of a call, listed once.

A new fact is a field here and, in `recordings`, a column of the same name with its migration; it
enters the metadata version of calls described from then on. Where facts come from is in
`metadata`; which of them a rule may ask about, in `rules.rule_set.When`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class CallFacts(BaseModel):
    """What the phone platform knows of one call; None where it is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call_id: str | None = None
    agent_id: str | None = None
    customer_id: str | None = None
    """May be a phone number: stored in the warehouse only, never in a note, a log or an error."""
    queue: str | None = None
    line: str | None = None
    business_line: str | None = None
    language: str | None = None
    """ISO 639 code; None to detect."""
    hotwords: str | None = None
    """Words that are likely in the call, one a line, beside those of its queue's list."""

    def known(self) -> dict[str, str | None]:
        """By name, as they are stored and hashed. Those that were added later are left out where
        nothing is known: what was stored before them is as it would be now."""
        return {
            name: value
            for name, value in self.model_dump().items()
            if value is not None or name not in _ADDED_LATER
        }


_ADDED_LATER = ("hotwords",)

FACTS = tuple(CallFacts.model_fields)
"""Names of the facts: keys of sidecars and manifest rows, columns of `recordings`."""

START = ("started_at", "started_date", "started_time")
"""The start of a call, in one piece or as a date and a time of day."""

FIELDS = (*START, *FACTS, "channel_roles")
"""What a sidecar, a manifest row, `field_map` or `xml` may name."""

OWN_FACTS = ("call_id", "agent_id", "customer_id")
"""Facts that differ from call to call: a source has no default for them."""
