"""A call's facts, merged from sidecar JSON, manifest row, file name, configuration and file date.

Functions of bytes and names. What lies beside a recording is foreign input: a defect in it becomes
a note, never an exception that would lose the audio. A note states the place and the cause, never
a value, as values and file names may contain customers' phone numbers. The configuration is
validated in `sources`; finding and archiving files, and the table `recordings`, is `ingestion`.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal, NoReturn, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from callqa_assets.domain.audio.decoding import Encoding
from callqa_assets.domain.calls.facts import FACTS, CallFacts
from callqa_assets.domain.calls.sources import FIELDS, ROLE, MetadataConfig, Source

TimeSource = Literal["sidecar", "manifest", "file_name", "mtime", "intake"]

TIME_SOURCES: tuple[TimeSource, ...] = ("sidecar", "manifest", "file_name", "mtime", "intake")
"""Best first."""


@dataclass(frozen=True)
class MetadataLimits:
    """Bounds on foreign input, far above what phone platforms write."""

    max_text_chars: int = 200
    max_sidecar_bytes: int = 1_000_000
    max_manifest_bytes: int = 64_000_000
    max_nesting: int = 8
    max_notes: int = 20


LIMITS = MetadataLimits()


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

    def to_json(self) -> dict[str, Any]:
        """As rows of `intake` store it: flat, the facts among the other keys."""
        dumped = self.model_dump(mode="json")
        at = list(dumped).index("facts")
        items = list(dumped.items())
        return dict([*items[:at], *dumped["facts"].items(), *items[at + 1 :]])

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
    sidecar: bytes | None,
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
    notes: list[str] = []
    source, from_name = _source_of(name, config)
    zone = ZoneInfo(config.timezone)
    stated = {
        "sidecar": _renamed(_parse_sidecar(sidecar, notes, limits), source),
        "manifest": _renamed(manifest_row or {}, source),
        "file_name": from_name,
    }

    started_at, time_source = received_at.astimezone(UTC), TIME_SOURCES[-1]
    candidates = {k: v["started_at"] for k, v in stated.items() if not _absent(v.get("started_at"))}
    for where, value in (candidates | {"mtime": mtime_s}).items():
        try:
            moment = parse_time(value, zone)
        except ValueError as error:
            notes.append(f"started_at of the {_PLACES[where]} {error}: not used")
            continue
        if earliest <= moment <= latest:
            started_at, time_source = moment, cast(TimeSource, where)
            break
        notes.append(
            f"started_at of the {_PLACES[where]}, {moment:%Y-%m-%d %H:%M} UTC, is outside "
            f"{earliest:%Y-%m-%d} to {latest:%Y-%m-%d}: not used"
        )

    texts: dict[str, str | None] = {}
    roles: tuple[str, ...] = ()
    extra: dict[str, Any] = {}
    for where, fields in stated.items():
        for field in FACTS:
            if texts.get(field) is None and not _absent(fields.get(field)):
                texts[field] = _text_field(field, fields[field], _PLACES[where], notes, limits)
        if not roles and not _absent(fields.get("channel_roles")):
            roles = _roles_field(fields["channel_roles"], _PLACES[where], notes)
        extra = _extra(fields, _PLACES[where], notes, limits) | extra

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
        notes=tuple(_capped(notes, limits)),
    )


_PLACES = {
    "sidecar": "sidecar",
    "manifest": "manifest row",
    "file_name": "file name",
    "mtime": "file's date",
}


def time_source_rank(source: TimeSource) -> int:
    """0 is best. Only a source with a lower rank may change a recording's day."""
    return TIME_SOURCES.index(source)


def keep_better_time(call: CallMetadata, started_at: datetime, source: TimeSource) -> CallMetadata:
    """`call` with the start known before, unless its own comes from a better source."""
    if time_source_rank(call.time_source) < time_source_rank(source):
        return call
    return call.model_copy(update={"started_at": started_at, "time_source": source})


def mask_numbers(name: str) -> str:
    """A file name for logs: runs of 7 or more digits, such as phone numbers, lose their middle."""
    return re.sub(r"\d{7,}", lambda found: f"{found[0][:3]}…{found[0][-2:]}", name)


def parse_time(value: object, timezone: ZoneInfo) -> datetime:
    """An aware UTC time from ISO 8601 (also with dashes for colons), YYYYMMDD[-]HHMMSS, or Unix
    seconds or milliseconds as a number or digits. Without a zone it is in `timezone`.

    Raises ValueError, whose message does not contain the value.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("is neither text nor a number")
    text = str(value).strip()
    try:
        if re.fullmatch(r"\d{8}-?\d{6}", text):
            moment = datetime.strptime(text.replace("-", ""), "%Y%m%d%H%M%S")
        elif re.fullmatch(r"\d{9,13}(\.\d+)?", text):
            seconds = float(text)
            moment = datetime.fromtimestamp(seconds / 1000 if seconds >= 1e11 else seconds, UTC)
        else:
            text = re.sub(r"(?<=[T ]\d\d)-(\d\d)-(?=\d\d)", r":\1:", text)
            moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError("is not a time") from error


def _source_of(name: str, config: MetadataConfig) -> tuple[Source, dict[str, str]]:
    for source in config.sources:
        fields = source.fields_of(name)
        if fields is not None:
            return source, fields
    return Source(name="none"), {}


def _renamed(fields: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """`fields` under our names; a key with our name already wins over one mapped to it."""
    mapped = {source.field_map[key]: v for key, v in fields.items() if key in source.field_map}
    return mapped | {key: v for key, v in fields.items() if key not in source.field_map}


# Foreign values -----------------------------------------------------------------------------

_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]+)*", re.IGNORECASE)


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _clean(text: str, limits: MetadataLimits) -> str:
    """Without control characters, lone surrogates and invisible formatting; truncated."""
    visible = "".join(c for c in text if not unicodedata.category(c).startswith("C"))
    return visible.strip()[: limits.max_text_chars]


def _text_field(
    field: str, value: object, place: str, notes: list[str], limits: MetadataLimits
) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        notes.append(f"{field} of the {place} is not text: not used")
        return None
    text = _clean(str(value), limits)
    if field == "language" and text:
        code = _LANGUAGE.fullmatch(text)
        if code is None:
            notes.append(f"language of the {place} is no ISO 639 code like zh: not used")
            return None
        return code[1].lower()
    return text or None


def _roles_field(value: object, place: str, notes: list[str]) -> tuple[str, ...]:
    words = re.split(r"[,;|\s]+", value.strip()) if isinstance(value, str) else value
    if isinstance(words, list):
        roles = [w.strip().lower() for w in cast(list[object], words) if isinstance(w, str)]
        if len(roles) == len(cast(list[object], words)) and all(map(ROLE.fullmatch, roles)):
            return tuple(roles)
    notes.append(f"channel_roles of the {place} is no list like agent, customer: not used")
    return ()


def _extra(
    fields: Mapping[str, Any], place: str, notes: list[str], limits: MetadataLimits
) -> dict[str, Any]:
    unknown = {key: value for key, value in fields.items() if key not in FIELDS}
    try:
        return cast(dict[str, Any], _clean_json(unknown, limits, limits.max_nesting))
    except ValueError:
        notes.append(f"the {place} is nested deeper than {limits.max_nesting}: extra keys dropped")
        return {}


def _clean_json(value: object, limits: MetadataLimits, levels: int) -> object:
    if levels < 0:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        return _clean(value, limits)
    if isinstance(value, list):
        return [_clean_json(item, limits, levels - 1) for item in cast(list[object], value)]
    if isinstance(value, dict):
        pairs = cast(dict[str, object], value).items()
        return {_clean(k, limits): _clean_json(v, limits, levels - 1) for k, v in pairs}
    return value


def _parse_sidecar(
    raw: bytes | None, notes: list[str], limits: MetadataLimits
) -> Mapping[str, Any]:
    if raw is None:
        return {}
    if len(raw) > limits.max_sidecar_bytes:
        notes.append(f"the sidecar has more than {limits.max_sidecar_bytes} bytes: not used")
        return {}
    try:
        content: object = json.loads(
            raw.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_finite
        )
    except UnicodeDecodeError:
        notes.append("the sidecar is not UTF-8: not used")
    except json.JSONDecodeError as error:
        notes.append(f"the sidecar is not JSON (line {error.lineno}): not used")
    except ValueError:
        notes.append("the sidecar holds a number that JSON has not: not used")
    except RecursionError:
        notes.append("the sidecar is nested too deep: not used")
    else:
        if isinstance(content, dict):
            return cast(dict[str, Any], content)
        notes.append("the sidecar is no JSON object {…}: not used")
    return {}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("infinite")
    return number


# Manifests ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ManifestRows:
    rows: Mapping[str, Mapping[str, str]]
    """By the recording's path inside the drop folder."""
    notes: tuple[str, ...] = ()


def parse_manifest(raw: bytes, name: str, limits: MetadataLimits = LIMITS) -> ManifestRows:
    """Rows of the CSV manifest at the path `name` in the drop folder.

    The column `file` holds each recording's path relative to the manifest's folder; a row that
    points outside that folder is refused. Of two rows for one file the later one counts.
    """
    if len(raw) > limits.max_manifest_bytes:
        return ManifestRows({}, (f"{name}: more than {limits.max_manifest_bytes} bytes: not used",))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ManifestRows({}, (f"{name}: not UTF-8: not used; save it as CSV UTF-8",))
    lines = _csv_lines(text)
    header = next(lines, None)
    columns = [column.strip() for column in header[1] or ()] if header else []
    if "file" not in columns:
        return ManifestRows({}, (f"{name}: no column 'file' in its first line: not used",))

    rows: dict[str, Mapping[str, str]] = {}
    notes: list[str] = []
    for line_no, values in lines:
        if values is None:
            notes.append(f"{name} line {line_no}: not CSV: row not used")
        elif len(values) != len(columns):
            notes.append(
                f"{name} line {line_no}: {len(values)} fields under {len(columns)} columns: "
                "row not used"
            )
        else:
            row = dict(zip(columns, values, strict=True))
            path = _inside(PurePosixPath(name).parent, row.pop("file"))
            if path is None:
                notes.append(f"{name} line {line_no}: file points out of its folder: row not used")
                continue
            if path in rows:
                notes.append(f"{name} line {line_no}: a second row for one file: this one counts")
            rows[path] = row
    return ManifestRows(rows, tuple(_capped(notes, limits)))


def _csv_lines(text: str) -> Iterator[tuple[int, list[str] | None]]:
    """(line number, fields) of each line that is not blank; None where it cannot be parsed."""
    reader = csv.reader(io.StringIO(text, newline=""))
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, None
        else:
            if any(value.strip() for value in values):
                yield reader.line_num, values


def _inside(folder: PurePosixPath, file: str) -> str | None:
    """`file` below `folder`, as a path inside the drop folder; None where it leaves `folder`."""
    path = PurePosixPath(file.strip().replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in file:
        return None
    if re.match(r"[A-Za-z]:", file.strip()):  # a Windows drive
        return None
    return str(folder / path)


def _capped(notes: list[str], limits: MetadataLimits) -> list[str]:
    if len(notes) <= limits.max_notes:
        return notes
    return [*notes[: limits.max_notes], f"and {len(notes) - limits.max_notes} more"]
