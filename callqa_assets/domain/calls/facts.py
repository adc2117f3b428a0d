"""The facts of a call, listed once.

A new fact is a field here, a column of `recordings` of the same name and its migration; it enters
the metadata version of calls described from then on. Where facts come from is `metadata`'s; which
of them a rule may ask about, `rules.rule_set.When`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class CallFacts(BaseModel):
    """What the phone platform knows of one call; None where it is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call_id: str | None = None
    agent_id: str | None = None
    customer_id: str | None = None
    """May be a phone number: for the warehouse only, never for a note, a log or an error."""
    queue: str | None = None
    line: str | None = None
    business_line: str | None = None
    language: str | None = None
    """ISO 639 code; None to detect."""


FACTS = tuple(CallFacts.model_fields)
"""Names of the facts: keys of sidecars and manifest rows, columns of `recordings`."""

OWN_FACTS = ("call_id", "agent_id", "customer_id")
"""Facts that tell one call from another: a source has no default for them."""
