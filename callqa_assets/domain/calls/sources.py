"""`configs/call_metadata.yaml`: the kinds of recordings, and the facts in their file names.

The models of that file. `metadata` merges their facts with those of sidecars and manifests.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from callqa_assets.domain.audio.decoding import LIMITS, Encoding
from callqa_assets.domain.audio.decoding.headerless import CODECS
from callqa_assets.domain.calls.facts import FACTS, FIELDS, OWN_FACTS, START, CallFacts
from callqa_assets.domain.calls.files import original_names
from callqa_assets.domain.calls.times import check_format
from callqa_assets.domain.calls.xml_mapping import XmlMapping
from callqa_assets.domain.yaml_config import ConfigError, load

ROLE = re.compile(r"[a-z][a-z0-9_]{0,31}")

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class InvalidMetadataConfig(ConfigError):  # noqa: N818 - it is the file that is invalid
    """A call_metadata.yaml that cannot be used."""


def check_zone(name: str) -> str:
    """The name of a time zone; ValueError where there is none of that name."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError("no such time zone; use an IANA name like Asia/Shanghai") from error
    return name


class Queue(BaseModel):
    model_config = _FROZEN

    language: str | None = None


class Decode(BaseModel):
    """What a source's recordings are where they have no header."""

    model_config = _FROZEN

    codec: str
    rate_hz: int

    @field_validator("codec")
    @classmethod
    def _known_codec(cls, value: str) -> str:
        if value not in CODECS:
            raise ValueError(f"no such codec; use one of {', '.join(CODECS)}")
        return value

    @model_validator(mode="after")
    def _possible_rate(self) -> Self:
        rates = CODECS[self.codec].rates_hz or range(LIMITS.min_rate_hz, LIMITS.max_rate_hz + 1)
        if self.rate_hz not in rates:
            known = " or ".join(map(str, CODECS[self.codec].rates_hz)) or "8000 to 48000"
            raise ValueError(f"rate_hz: {self.codec} has {known}")
        return self

    @property
    def encoding(self) -> Encoding:
        return Encoding(self.codec, self.rate_hz)


class Source(BaseModel):
    """One kind of recording; the first whose `match` and `pattern` fit describes a file."""

    model_config = _FROZEN

    name: str
    match: str = "*"
    pattern: re.Pattern[str] | None = None
    """Searched in the file name; with a `/`, in the path inside the drop folder."""
    time_format: str | None = None
    """Directives of `datetime.strptime`, tried before the usual forms."""
    timezone: str | None = None
    """Of times without an offset; None for that of the whole configuration."""
    field_map: dict[str, str] = {}
    xml: XmlMapping | None = None
    defaults: CallFacts = CallFacts()
    channel_roles: tuple[str, ...] = ()
    decode: Decode | None = None

    @field_validator("pattern", mode="before")
    @classmethod
    def _compile(cls, value: object) -> re.Pattern[str] | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise ValueError("must be a regular expression in single quotes")
        try:
            pattern = re.compile(value)
        except re.error as error:
            raise ValueError(
                f"no valid regular expression: {error}; quote it in single quotes and escape "
                "literal brackets with a backslash"
            ) from error
        if unknown := set(pattern.groupindex) - {*START, *FACTS}:
            known = ", ".join((*START, *FACTS))
            raise ValueError(f"no such field: {', '.join(sorted(unknown))}; use groups of {known}")
        return pattern

    @field_validator("time_format")
    @classmethod
    def _tells_the_day(cls, value: str | None) -> str | None:
        if value is not None:
            check_format(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return None if value is None else check_zone(value)

    @field_validator("field_map")
    @classmethod
    def _known_fields(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := set(value.values()) - set(FIELDS):
            raise ValueError(
                f"no such field: {', '.join(sorted(unknown))}; map to one of {', '.join(FIELDS)}"
            )
        return value

    @field_validator("defaults")
    @classmethod
    def _none_of_one_call(cls, value: CallFacts) -> CallFacts:
        if own := [name for name in OWN_FACTS if getattr(value, name) is not None]:
            raise ValueError(f"{', '.join(own)} differs from call to call; remove the default")
        return value

    @field_validator("channel_roles")
    @classmethod
    def _roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ROLE.fullmatch(role) for role in value):
            raise ValueError("roles are short lower-case words, like [agent, customer]")
        return value

    def fields_of(self, name: str) -> dict[str, str] | None:
        """Facts in the file name; None where this source does not describe the file."""
        # A copy, `call (1).wav`, says what its original says.
        name = original_names(name)[-1]
        last = PurePosixPath(name).name
        if not (fnmatchcase(name, self.match) or fnmatchcase(last, self.match)):
            return None
        if self.pattern is None:
            return {}
        found = self.pattern.search(name if "/" in self.pattern.pattern else last)
        return None if found is None else {k: v for k, v in found.groupdict().items() if v}


class MetadataConfig(BaseModel):
    """`configs/call_metadata.yaml`."""

    model_config = _FROZEN

    timezone: str = "Asia/Shanghai"
    queues: dict[str, Queue] = {}
    sources: tuple[Source, ...] = ()

    def source_of(self, name: str) -> tuple[Source, dict[str, str]]:
        """The source that describes the recording at the path `name` in the drop folder, and the
        facts in its name."""
        for source in self.sources:
            fields = source.fields_of(name)
            if fields is not None:
                return source, fields
        return Source(name="none"), {}

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return check_zone(value)

    @field_validator("sources")
    @classmethod
    def _distinct(cls, value: tuple[Source, ...]) -> tuple[Source, ...]:
        names = [source.name for source in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two sources are called {twice[0]}; give each its own name")
        return value


def load_config(text: str, *, source: str) -> MetadataConfig:
    """The configuration from its YAML text. Raises InvalidMetadataConfig."""
    return load(
        text,
        MetadataConfig,
        source=source,
        error=InvalidMetadataConfig,
        entries={"sources": "source", "queues": "queue"},
    ).value
