"""A call's facts, merged from sidecar, manifest row, file name, configuration and file date.

What lies beside a recording is foreign input: a defect in it becomes a note, never an exception
that would lose the audio. A note states the place and the cause, never a value, as values and
file names may contain customers' phone numbers. Sidecars and manifests are read in `sidecars` and
`manifests`, the configuration in `sources`; finding and archiving files is `ingestion`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from callqa_assets.domain.audio.decoding import Encoding
from callqa_assets.domain.calls.facts import FACTS, FIELDS, CallFacts
from callqa_assets.domain.calls.files import original_names
from callqa_assets.domain.calls.foreign_text import (
    LIMITS,
    MetadataLimits,
    clean_json,
    clean_text,
    is_rounded_number,
)
from callqa_assets.domain.calls.manifests import capped
from callqa_assets.domain.calls.sidecars import Sidecar
from callqa_assets.domain.calls.sources import ROLE, MetadataConfig, Source
from callqa_assets.domain.calls.times import TWO_DIGIT_YEAR, UnreadableTimeError, read_time
from callqa_assets.domain.text.hotwords import MAX_CHARACTERS, MAX_HOTWORDS, is_hotword

TimeSource = Literal["sidecar", "manifest", "file_name", "mtime", "intake"]

TIME_SOURCES: tuple[TimeSource, ...] = ("sidecar", "manifest", "file_name", "mtime", "intake")
"""Best first."""


class CallMetadata(BaseModel):
    """What is known about one call before its audio is processed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    started_at: datetime
    """Aware, UTC."""
    time_source: TimeSource
    facts: CallFacts = CallFacts()
    stated_roles: tuple[str, ...] = ()
    """Channel roles according to the sidecar or manifest."""
    source_roles: tuple[str, ...] = ()
    """Channel roles according to the source's configuration."""
    encoding: Encoding | None = None
    """What the source's configuration says of sound without a header."""
    extra: dict[str, Any] = {}
    """Unknown keys of the sidecar or manifest, JSON-serialisable."""
    notes: tuple[str, ...] = ()

    def channel_roles(self, channels: int) -> tuple[str, ...]:
        """One role per channel: as stated for this call, else as configured for its source, else
        `mixed` for a single channel and channel_0, channel_1, … for several."""
        for roles in (self.stated_roles, self.source_roles):
            if len(roles) == channels:
                return roles
        return ("mixed",) if channels == 1 else tuple(f"channel_{i}" for i in range(channels))

    def notes_for(self, channels: int) -> tuple[str, ...]:
        """The notes, and one where the stated channel roles do not fit the recording's channels."""
        stated = len(self.stated_roles)
        if not channels or stated in (0, channels):
            return self.notes
        note = f"channel_roles name {stated} channels, the recording has {channels}: not used"
        return (*self.notes, note)

    def to_json(self) -> dict[str, Any]:
        """As rows of `intake` store it: flat, the facts among the other keys."""
        dumped = self.model_dump(mode="json")
        at = list(dumped).index("facts")
        items = list(dumped.items())
        return dict([*items[:at], *self.facts.known().items(), *items[at + 1 :]])

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> CallMetadata:
        """The inverse of `to_json`; a fact that was added since then is None."""
        facts = {key: value for key, value in stored.items() if key in FACTS}
        others = {key: value for key, value in stored.items() if key not in FACTS}
        return cls.model_validate({**others, "facts": facts})


# Describing a call --------------------------------------------------------------------------


def describe_call(
    name: str,
    *,
    sidecar: Sidecar | None,
    manifest_row: Mapping[str, str] | None,
    mtime_s: float,
    received_at: datetime,
    config: MetadataConfig,
    earliest: datetime,
    latest: datetime,
    limits: MetadataLimits = LIMITS,
) -> CallMetadata:
    """Merge what is known about the recording `name`, its path inside the drop folder.

    Each field comes from the sidecar, else the manifest row, else the file name, else the queue's
    or the source's settings. Only the start time may also come from the file's date (`mtime_s`,
    Unix seconds) or `received_at`; it must lie within `earliest` to `latest`, all aware.
    """
    source, from_name = config.source_of(name)
    notes = list(sidecar.notes) if sidecar else []
    stated = {
        "sidecar": _renamed(sidecar.fields if sidecar else {}, source),
        "manifest": _renamed(manifest_row or {}, source),
        "file_name": _renamed(from_name, source),
    }
    if any(stated.values()) and original_names(name)[-1] != name:
        notes.append("the file's name is that of a copy: it has the facts of the original's name")

    started_at, time_source = received_at.astimezone(UTC), TIME_SOURCES[-1]
    for where, fields in stated.items():
        if _absent(fields.get("started_at")):
            continue
        zone = ZoneInfo(source.timezone or config.timezone)
        found, remarks = _start(fields["started_at"], zone, source.time_format, earliest, latest)
        notes += [f"started_at of the {_PLACES[where]} {remark}" for remark in remarks]
        if found is not None:
            started_at, time_source = found, cast(TimeSource, where)
            break
    else:
        found = _file_date(mtime_s)
        if found is not None and earliest <= found <= latest:
            started_at, time_source = found, "mtime"
        else:
            notes.append(f"the file's date {_outside(found, earliest, latest)}")

    texts: dict[str, str | None] = {}
    roles: tuple[str, ...] = ()
    extra: dict[str, Any] = {}
    for where, fields in stated.items():
        for field in FACTS:
            if texts.get(field) is None and not _absent(fields.get(field)):
                texts[field] = _text_field(field, fields[field], _PLACES[where], notes, limits)
        if not roles and not _absent(fields.get("channel_roles")):
            roles = _roles_field(fields["channel_roles"], _PLACES[where], notes)
        unknown = {key: value for key, value in fields.items() if key not in FIELDS}
        extra = cast(dict[str, Any], clean_json(unknown, limits, limits.max_nesting + 1)) | extra

    defaults = source.defaults.model_dump()
    queue = texts.get("queue") or source.defaults.queue
    of_queue = config.queues[queue].model_dump() if queue in config.queues else {}
    return CallMetadata(
        started_at=started_at,
        time_source=time_source,
        facts=CallFacts(
            **{name: texts.get(name) or of_queue.get(name) or defaults[name] for name in FACTS}
        ),
        stated_roles=roles,
        source_roles=source.channel_roles,
        encoding=source.decode.encoding if source.decode else None,
        extra=extra,
        notes=tuple(capped(notes, limits)),
    )


_PLACES = {"sidecar": "sidecar", "manifest": "manifest row", "file_name": "file name"}


def time_source_rank(source: TimeSource) -> int:
    """0 is best. Only a source with a lower rank may change a recording's day."""
    return TIME_SOURCES.index(source)


def keep_better_time(call: CallMetadata, started_at: datetime, source: TimeSource) -> CallMetadata:
    """`call` with the start known before, unless its own comes from a better source."""
    if time_source_rank(call.time_source) < time_source_rank(source):
        return call
    return call.model_copy(update={"started_at": started_at, "time_source": source})


def _start(
    value: object, zone: ZoneInfo, time_format: str | None, earliest: datetime, latest: datetime
) -> tuple[datetime | None, list[str]]:
    """The one moment in the range that the value means, and remarks that complete 'started_at …'.

    A two-digit year is read only where all other orders of year, month and day are impossible.
    """
    try:
        reading = read_time(value, zone, time_format)
    except UnreadableTimeError as error:
        return None, [f"{error}: not used"]
    possible = [moment for moment in reading.moments if earliest <= moment <= latest]
    if not possible:
        return None, [_outside(reading.moments[0], earliest, latest)]
    if len(possible) > 1:
        days = " or ".join(f"{moment.astimezone(zone):%Y-%m-%d}" for moment in possible)
        return None, [f"{TWO_DIGIT_YEAR} and may be {days}: not used; give its `time_format`"]
    note = reading.note
    if note == TWO_DIGIT_YEAR:
        note += f": read as {possible[0].astimezone(zone):%Y-%m-%d}"
    return possible[0], [note] if note else []


def _outside(moment: datetime | None, earliest: datetime, latest: datetime) -> str:
    found = f"{moment:%Y-%m-%d %H:%M} UTC, " if moment else ""
    return f"{found}is outside {earliest:%Y-%m-%d} to {latest:%Y-%m-%d}: not used"


def _file_date(mtime_s: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(mtime_s, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _renamed(fields: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """`fields` under our names; a key with our name already wins over one mapped to it."""
    mapped = {source.field_map[key]: v for key, v in fields.items() if key in source.field_map}
    renamed = mapped | {key: v for key, v in fields.items() if key not in source.field_map}
    date, clock = renamed.get("started_date"), renamed.get("started_time")
    if _absent(renamed.get("started_at")) and not _absent(date):
        renamed["started_at"] = f"{date} {'' if _absent(clock) else clock}".strip()
    return renamed


# Foreign values -----------------------------------------------------------------------------

_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]+)*", re.IGNORECASE)


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _text_field(
    field: str, value: object, place: str, notes: list[str], limits: MetadataLimits
) -> str | None:
    if field == "hotwords":
        return _hotwords_field(value, place, notes)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        notes.append(f"{field} of the {place} is not text: not used")
        return None
    text = clean_text(str(value), limits)
    if is_rounded_number(text):
        notes.append(
            f"{field} of the {place} was rounded by a spreadsheet, as 1.38E+10: not used; format "
            "its column as text"
        )
        return None
    if field == "language" and text:
        code = _LANGUAGE.fullmatch(text)
        if code is None:
            notes.append(f"language of the {place} is no ISO 639 code like zh: not used")
            return None
        return code[1].lower()
    # `13800138000.0`: a number that a program kept as a float.
    return re.sub(r"(?<=\d{5})\.0$", "", text) or None


def _hotwords_field(value: object, place: str, notes: list[str]) -> str | None:
    lines = value.splitlines() if isinstance(value, str) else value
    if not isinstance(lines, list):
        notes.append(f"hotwords of the {place} are no list of words: not used")
        return None
    words = [str(line).strip() for line in cast(list[object], lines) if str(line).strip()]
    good = list(dict.fromkeys(word for word in words if is_hotword(word)))
    if len(good) < len(set(words)):
        notes.append(
            f"hotwords of the {place}: a word with more than letters, digits and single spaces, or "
            f"of more than {MAX_CHARACTERS} characters, is not used"
        )
    if len(good) > MAX_HOTWORDS:
        notes.append(f"hotwords of the {place}: only the first {MAX_HOTWORDS} are used")
    return "\n".join(good[:MAX_HOTWORDS]) or None


def _roles_field(value: object, place: str, notes: list[str]) -> tuple[str, ...]:
    words = re.split(r"[,;|\s]+", value.strip()) if isinstance(value, str) else value
    if isinstance(words, list):
        roles = [w.strip().lower() for w in cast(list[object], words) if isinstance(w, str)]
        if len(roles) == len(cast(list[object], words)) and all(map(ROLE.fullmatch, roles)):
            return tuple(roles)
    notes.append(f"channel_roles of the {place} is no list like agent, customer: not used")
    return ()
