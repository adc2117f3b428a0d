"""What a message says, in the receiver's language and within its size: one alert, or a digest.

Texts come from `templates/` and `translations`; the facts from a `Notice`, which is masked
already. Transcripts are text, never markup: they can neither link nor mention anybody.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from callqa_assets.domain.alerts.notice import Notice
from resources.notifier.translations import WORDS

_DETAILS = (20, 8, 3, 0)
"""Spans of the timeline and segments of speech to show; the first number that fits is used."""
_SHORT = 40
"""Characters of an agent's or queue's name in a digest."""

# The robots' dialect of Markdown has no escapes: characters that make links, mentions (`<at …>`,
# `<@…>`), code and bold are replaced by their full-width forms.
_HARMLESS = str.maketrans(
    {"<": "＜", ">": "＞", "[": "［", "]": "］", "*": "＊", "`": "｀", "\n": " ", "\r": " "}
)


@dataclass(frozen=True)
class Message:
    """One thing to send: an alert, or several as a digest."""

    message_id: str
    """Stable: a repeat carries the same, so that its receiver can drop it."""
    alerts: Sequence[Notice]
    """At least one, the most urgent first."""
    accepted_by: frozenset[str] = frozenset()
    """Recipients who have it from an earlier attempt."""


class MessageWriter:
    """Writes messages in one language."""

    def __init__(self, language: str, dagster_url: str | None) -> None:
        self.language = language
        self._words = WORDS[language]
        self._dagster_url = dagster_url

    def title(self, alerts: Sequence[Notice]) -> str:
        """One line, without markup."""
        first = alerts[0]
        if len(alerts) > 1:
            title = f"{self._word('digest')}{self._word('colon')}{len(alerts)} "
            return title + self._word("alerts")
        priority = f"{self._word('alert')} [{self._word(first['priority'])}]"
        agent = first["agent_id"]
        title = f"{priority} {first['rule']}"
        return " ".join(
            (f"{title}, {self._word('agent').lower()} {agent}" if agent else title).split()
        )

    def markdown(self, message: Message, max_bytes: int) -> str:
        """For robots and for the plain part of an e-mail; at most `max_bytes` bytes of JSON."""
        return self._fitting("md", message, max_bytes)

    def html(self, message: Message, max_bytes: int) -> str:
        return self._fitting("html", message, max_bytes)

    def count_that_fit(self, alerts: Sequence[Notice], max_bytes: int) -> int:
        """How many of the alerts, from the first, one digest can list; at least one."""
        fits, too_many = 1, len(alerts) + 1
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            text = self._render("digest.md.j2", Message("0" * 32, alerts[:middle]), 0)
            fits, too_many = (
                (middle, too_many) if _json_bytes(text) <= max_bytes else (fits, middle)
            )
        return fits

    def _fitting(self, form: str, message: Message, max_bytes: int) -> str:
        """The message with as much detail as fits."""
        if len(message.alerts) > 1:
            return self._render(f"digest.{form}.j2", message, 0)
        text = ""
        for detail in _DETAILS:
            text = self._render(f"alert.{form}.j2", message, detail)
            if _json_bytes(text) <= max_bytes:
                break
        return text

    def _render(self, template: str, message: Message, detail: int) -> str:
        first = message.alerts[0]
        text = (
            _templates()
            .get_template(template)
            .render(
                alerts=message.alerts,
                title=self.title(message.alerts),
                facts=self._facts(first),
                timeline=first["timeline"][:detail],
                said=first["said"][:detail],
                message_id=message.message_id,
                word=self._word,
                moment=_moment,
                position=self._position,
                short=_short,
                run_url=self.run_url,
            )
        )
        return text.strip()

    def _facts(self, alert: Notice) -> list[tuple[str, str]]:
        facts = (
            ("rule", alert["rule"]),
            ("priority", self._word(alert["priority"])),
            ("review", self._word("review_note") if alert["needs_review"] else None),
            ("agent", alert["agent_id"]),
            ("queue", alert["queue"]),
            ("line", alert["line"]),
            ("call", alert["call_id"]),
            ("started", _moment(alert)),
            ("position", self._position(alert)),
            ("speaker", self._word(alert["role"])),
            ("peak", f"{alert['peak']:.2f}"),
            ("audio", alert["audio_path"]),
        )
        return [(key, value) for key, value in facts if value is not None]

    def run_url(self, alert: Notice) -> Markup | None:
        """URL of the Dagster run that fired the alert; None without `dagster_url`."""
        if self._dagster_url is None or alert["run_id"] is None:
            return None
        return Markup(f"{self._dagster_url.rstrip('/')}/runs/{alert['run_id']}")  # noqa: S704

    def _word(self, key: str) -> str:
        return self._words.get(key, key)

    def _position(self, alert: Notice) -> str:
        return f"{alert['started_s']:.1f}–{alert['ended_s']:.1f} {self._word('s')}"


def _json_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


def _moment(alert: Notice) -> str:
    return alert["call_started_at"][:19].replace("T", " ")


def _short(name: str | None) -> str:
    return "–" if name is None else name[:_SHORT]


def _finalize_markdown(value: Any) -> Any:
    return value.translate(_HARMLESS) if isinstance(value, str) and type(value) is str else value


@functools.cache
def _templates() -> _Templates:
    return _Templates()


class _Templates:
    """The two ways of escaping text, by the kind of template."""

    def __init__(self) -> None:
        make: Callable[..., jinja2.Environment] = functools.partial(
            jinja2.Environment,
            loader=jinja2.PackageLoader("resources.notifier"),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._markdown = make(autoescape=False, finalize=_finalize_markdown)
        self._html = make(autoescape=True)

    def get_template(self, name: str) -> jinja2.Template:
        return (self._html if name.endswith(".html.j2") else self._markdown).get_template(name)
