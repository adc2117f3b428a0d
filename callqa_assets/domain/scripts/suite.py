"""Test suites of scripts: short dialogues written in YAML, and what their items should come to.

Which files are read is decided by the command; docs/scripts.md describes the format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from callqa_assets.domain.calls.facts import CallFacts
from callqa_assets.domain.rules.call_input import CallContext
from callqa_assets.domain.rules.conditions.keys import Keys
from callqa_assets.domain.scripts.evaluate import Call, Check, Outcome, ScriptChecker
from callqa_assets.domain.text.spoken_text import SpokenSegment
from callqa_assets.domain.yaml_config import ConfigError, load

MAX_YAML_NODES = 100_000
_CHARACTERS_A_SECOND = 5
_PAUSE_S = 0.5
"""Before a line that has no `at`."""

Role = Literal["agent", "customer", "mixed"]


class SuiteError(ConfigError):
    """A suite that cannot be run."""


class Line(Keys):
    """What somebody says in one breath, as a recogniser writes it."""

    role: Role
    says: str
    at: Annotated[float, Field(ge=0, le=36_000)] | None = None
    """Second at which it begins; by default, soon after the line before."""
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.9


class CallOfCase(Keys):
    """The facts of the call, all optional."""

    roles: tuple[Role, ...] = ("agent", "customer")
    """One per channel."""
    line: str | None = None
    queue: str | None = None
    agent: str | None = None
    language: str = "zh"


class Case(Keys):
    """A dialogue, and the outcomes of some items of its scripts."""

    name: str
    call: CallOfCase = CallOfCase()
    speech: tuple[Line, ...] = ()
    expect: Annotated[dict[str, Outcome], Field(min_length=1)]
    """`script.item` to its outcome; the items that are not named may have any."""


class Suite(Keys):
    """The cases of one scripts file."""

    scripts: Annotated[str, Field(pattern=r"^[\w-][\w.-]*$")]
    """Name of the file, in the configuration folder."""
    cases: tuple[Case, ...] = Field(min_length=1)


@dataclass(frozen=True)
class CaseResult:
    """What did not come out as expected, a line each."""

    name: str
    differences: Sequence[str]

    @property
    def passed(self) -> bool:
        return not self.differences


def load_suite(text: str, *, source: str) -> Suite:
    """A suite from its YAML text. Raises SuiteError with every problem found."""
    return load(
        text,
        Suite,
        source=source,
        error=SuiteError,
        entries={"cases": "case"},
        max_nodes=MAX_YAML_NODES,
    ).value


def run_case(case: Case, checker: ScriptChecker) -> CaseResult:
    """Judge the case's dialogue."""
    (checks,) = checker.check([_call(case)])
    found = {f"{check.script}.{check.item}": check for check in checks}
    return CaseResult(
        case.name,
        [
            f"expected {name} {outcome}, got {_describe(found.get(name))}"
            for name, outcome in case.expect.items()
            if name not in found or found[name].outcome != outcome
        ],
    )


def _describe(check: Check | None) -> str:
    if check is None:
        return "no such item in the scripts that are for the call"
    reason = f" ({check.reason})" if check.reason else ""
    heard = f": {check.said.text!r}, score {check.said.score:g}" if check.said else ""
    return f"{check.outcome}{reason}{heard}"


def _call(case: Case) -> Call:
    segments: list[SpokenSegment] = []
    for line in case.speech:
        before_s = segments[-1].end_s + _PAUSE_S if segments else 0.0
        start_s = before_s if line.at is None else line.at
        end_s = start_s + max(1, len(line.says)) / _CHARACTERS_A_SECOND
        roles = case.call.roles
        segments.append(
            SpokenSegment(
                channel=roles.index(line.role) if line.role in roles else len(roles),
                start_s=start_s,
                end_s=end_s,
                text=line.says,
                text_raw=line.says,
                segment_no=len(segments),
                role=line.role,
                language=case.call.language,
                confidence=line.confidence,
            )
        )
    facts = CallFacts(
        line=case.call.line,
        queue=case.call.queue,
        agent_id=case.call.agent,
        language=case.call.language,
    )
    duration_s = max((segment.end_s for segment in segments), default=1.0)
    return Call(CallContext(case.name, duration_s, case.call.roles, facts), segments)
