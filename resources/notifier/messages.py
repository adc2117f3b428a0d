"""What a message says, in the receiver's language and within its size: one alert, a digest of
several, or spikes.

Texts come from `templates/` and `translations`; the facts from notices, which are masked already.
Names and transcripts are text, never markup: they can neither link nor mention anybody, show an
image, or begin a line of their own.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jinja2
from markupsafe import Markup

from callqa_assets.domain.alerts.notice import Notice
from callqa_assets.domain.alerts.spike_notice import SpikeNotice
from resources.notifier.translations import WORDS

_DETAILS = (20, 8, 3, 0)
"""Spans of the timeline and segments of speech to show; the first number that fits is used."""
_SHORT = 40
"""Characters of an agent's, queue's or rule's name in a digest and in a title."""
_LONG = 120
"""Characters of any other fact: a platform's ids are shorter, and no message overflows."""

# The robots' dialects of Markdown have no escape in common: characters that make links, images,
# mentions (`<at …>`, `<@…>`), entities, code and emphasis are replaced by their full-width forms.
_HARMLESS = str.maketrans("<>[]*`~\\&", "＜＞［］＊｀～＼＆")

# Control characters and line separators (U+0085, U+2028, U+2029) would begin a line; characters of
# bidirectional text would show it in another order.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
# Clients make links of bare addresses, with or without a scheme.
_SCHEME = re.compile(r":(?=//)")
_DOMAIN_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d_]{2}|xn--)")


@dataclass(frozen=True)
class Message:
    """One thing to send: an alert, or several as a digest; or spikes. Never both."""

    message_id: str
    """Stable: a repeat carries the same, so that its receiver can drop it."""
    alerts: Sequence[Notice] = ()
    """The most urgent first."""
    spikes: Sequence[SpikeNotice] = ()
    accepted_by: frozenset[str] = frozenset()
    """Recipients who have it from an earlier attempt."""

    def first(self, count: int) -> Message:
        """A message of the first of what it tells."""
        return replace(self, alerts=self.alerts[:count], spikes=self.spikes[:count])


class MessageWriter:
    """Writes messages in one language."""

    def __init__(self, language: str, dagster_url: str | None) -> None:
        self.language = language
        self._words = WORDS[language]
        self._dagster_url = dagster_url

    def title(self, message: Message) -> str:
        """One line of text, without markup, mentions or links."""
        if message.spikes:
            return self._title_of_spikes(message.spikes)
        alerts = message.alerts
        first = alerts[0]
        if len(alerts) > 1:
            title = f"{self._word('digest')}{self._word('colon')}{len(alerts)} "
            return title + self._word("alerts")
        priority = f"{self._word('alert')} [{self._word(first['priority'])}]"
        title = f"{priority} {_plain(first['rule'])[:_SHORT]}"
        if agent := first["agent_id"]:
            title += f", {self._word('agent').lower()} {_plain(agent)[:_SHORT]}"
        return " ".join(title.split())

    def _title_of_spikes(self, spikes: Sequence[SpikeNotice]) -> str:
        days = sorted({spike["day"] for spike in spikes})
        when = days[0] if len(days) == 1 else f"{days[0]}–{days[-1]}"
        named = _plain(self._name(spikes[0]))[:_SHORT] if len(spikes) == 1 else str(len(spikes))
        kind = self._word("spike" if len(spikes) == 1 else "spikes")
        return " ".join(f"{kind}{self._word('colon')}{named} {when}".split())

    def _name(self, spike: SpikeNotice) -> str:
        """What the topic is called in the writer's language."""
        return spike["names"].get(self.language, spike["topic"])

    def _compared(self, spike: SpikeNotice) -> str:
        """The topic's calls, and what was to be expected."""
        return self._word("new_topic" if spike["is_new"] else "more_calls").format(
            calls=spike["calls"],
            calls_all=spike["calls_all"],
            expected=spike["expected"],
            ratio=spike["calls"] / spike["expected"],
            days=spike["days"],
        )

    def markdown(self, message: Message, max_bytes: int) -> str:
        """For robots and for the plain part of an e-mail; at most `max_bytes` bytes of JSON."""
        return self._fitting("md", message, max_bytes)

    def html(self, message: Message, max_bytes: int) -> str:
        return self._fitting("html", message, max_bytes)

    def count_that_fit(self, message: Message, max_bytes: int) -> int:
        """How many of what it tells, from the first, one message can list; at least one."""
        fits, too_many = 1, len(message.alerts) + len(message.spikes) + 1
        template = "spikes.md.j2" if message.spikes else "digest.md.j2"
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            text = self._render(template, message.first(middle), 0)
            fits, too_many = (
                (middle, too_many) if _json_bytes(text) <= max_bytes else (fits, middle)
            )
        return fits

    def _fitting(self, form: str, message: Message, max_bytes: int) -> str:
        """The message with as much detail as fits."""
        if message.spikes:
            return self._render(f"spikes.{form}.j2", message, 0)
        if len(message.alerts) > 1:
            return self._render(f"digest.{form}.j2", message, 0)
        text = ""
        for detail in _DETAILS:
            text = self._render(f"alert.{form}.j2", message, detail)
            if _json_bytes(text) <= max_bytes:
                break
        return text

    def _render(self, template: str, message: Message, detail: int) -> str:
        alert = message.alerts[0] if message.alerts else None
        text = (
            _templates()
            .get_template(template)
            .render(
                alerts=message.alerts,
                spikes=message.spikes,
                title=self.title(message),
                facts=self._facts(alert) if alert else (),
                timeline=alert["timeline"][:detail] if alert else (),
                said=alert["said"][:detail] if alert else (),
                message_id=message.message_id,
                word=self._word,
                moment=_moment,
                position=self._position,
                name=self._name,
                compared=self._compared,
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
            ("audio", _Verbatim(alert["audio_path"])),
        )
        return [
            (key, value if isinstance(value, _Verbatim) else value[:_LONG])
            for key, value in facts
            if value is not None
        ]

    def run_url(self, notice: Notice | SpikeNotice) -> Markup | None:
        """URL of the Dagster run that found what it tells of; None without `dagster_url`."""
        if self._dagster_url is None or notice["run_id"] is None:
            return None
        return Markup(f"{self._dagster_url.rstrip('/')}/runs/{notice['run_id']}")  # noqa: S704

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


class _Verbatim(str):
    """A path that this project has made: to copy, so not one character is replaced."""

    __slots__ = ()


def _plain(text: str) -> str:
    """The text as one line that no client turns into mentions, addresses or markup."""
    return _unlinked(text).translate(_HARMLESS)


def _unlinked(text: str) -> str:
    """The text as one line without what clients turn into mentions and addresses."""
    line = _UNSEEN.sub("", _CONTROL.sub(" ", text)).replace("@", "＠")
    return _DOMAIN_DOT.sub("．", _SCHEME.sub("：", line))


def _only_text(make: Callable[[str], str]) -> Callable[[Any], Any]:
    """`make` for every plain text that a template shows; the project's own links are `Markup`."""
    return lambda value: make(value) if type(value) is str else value


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
        self._markdown = make(autoescape=False, finalize=_only_text(_plain))
        self._html = make(autoescape=True, finalize=_only_text(_unlinked))

    def get_template(self, name: str) -> jinja2.Template:
        return (self._html if name.endswith(".html.j2") else self._markdown).get_template(name)
