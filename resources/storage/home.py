"""The home folder: where everything that is not code is kept, and the locks on it.

Layout only. The modules beside this one decide what goes into the folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout

from callqa_assets.domain.days import DEFAULT_CALENDAR, Calendar
from callqa_assets.domain.errors import CallqaError
from resources.storage.atomic import PARTIAL, write_atomically

REPO = Path(__file__).resolve().parents[2]


class HomeBusyError(Exception):
    """Another process holds a lock of the home."""


class HomeError(CallqaError):
    """The home cannot be used as asked; the message names the cause and the cure."""


@dataclass(frozen=True)
class Home:
    """A folder with drop/ uploads/ live/ archive/ quarantine/ lake/ exports/ reports/ callqa.db
    callqa.json dagster/ locks/.
    """

    root: Path
    calendar: Calendar = DEFAULT_CALENDAR
    """How its recordings are partitioned into days; recorded in callqa.json, for good."""

    @classmethod
    def open(cls, root: Path, *, timezone: str | None = None, first_day: str | None = None) -> Home:
        """The home with the calendar that it was made with.

        A home that is not made yet takes `timezone` and `first_day`, else the defaults. Raises
        HomeError where either is not valid, or differs from what the home was made with: its rows
        are partitioned by the recorded ones.
        """
        home = cls(root)
        recorded = home.read_record()
        asked = {"timezone": timezone, "first_day": first_day}
        default = asdict(DEFAULT_CALENDAR)
        chosen: dict[str, str] = {}
        for name, value in asked.items():
            kept = recorded.get(name, default[name] if recorded else None)
            if value is not None and kept is not None and value != kept:
                raise HomeError(
                    f"{root} was made with {name} {kept!r}, and CALLQA_{name.upper()} asks for "
                    f"{value!r}: unset the variable, or name another home"
                )
            chosen[name] = kept or value or default[name]
        return cls(root, _check_calendar(chosen["timezone"], chosen["first_day"]))

    @property
    def drop(self) -> Path:
        return self.root / "drop"

    @property
    def uploads(self) -> Path:
        """Files that were posted to `callqa serve`: a drop folder of its own."""
        return self.root / "uploads"

    @property
    def live(self) -> Path:
        """Recordings of calls that are being streamed."""
        return self.root / "live"

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def emotion_tracks(self) -> Path:
        return self.root / "lake" / "emotion_tracks"

    @property
    def embeddings(self) -> Path:
        return self.root / "lake" / "embeddings"

    @property
    def exports(self) -> Path:
        """Exported tables, a folder for each day or range."""
        return self.root / "exports"

    @property
    def reports(self) -> Path:
        """Daily reports, `YYYY-MM-DD.html`."""
        return self.root / "reports"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def database(self) -> Path:
        """The SQLite file; unused where a warehouse URL names another database."""
        return self.root / "callqa.db"

    @property
    def database_url(self) -> str:
        """The SQLite database that belongs to this home."""
        return f"sqlite:///{self.database}"

    @property
    def record(self) -> Path:
        """The home's own record: id, model profile, time zone, first day."""
        return self.root / "callqa.json"

    def read_record(self) -> dict[str, Any]:
        """The content of `record`; empty where the home is not made yet. Raises HomeError."""
        try:
            content = json.loads(self.record.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except NotADirectoryError:
            raise HomeError(
                f"{self.root} cannot be a home: it, or a folder above it, is a file; choose "
                "another folder with --home or CALLQA_HOME"
            ) from None
        except (OSError, ValueError) as error:
            raise HomeError(
                f"{self.record} cannot be read ({type(error).__name__}): restore it; it holds "
                '{"profile": …, "timezone": …, "first_day": …} as the home was made'
            ) from error
        if not isinstance(content, dict):
            raise HomeError(f"{self.record} is not a JSON object: restore it")
        return content

    def update_record(self, **values: str) -> None:
        """Set keys of `record`, where they differ. Under the lock `init`."""
        before = self.read_record()
        if (record := {**before, **values}) != before:
            with write_atomically(self.record) as file:
                file.write(json.dumps(record).encode())

    def holds_recordings(self) -> bool:
        """Whether anything was archived or quarantined."""
        return any(
            path.suffix != PARTIAL
            for folder in (self.archive, self.quarantine)
            for path in folder.glob("*/*")
        )

    def create_folders(self) -> None:
        for folder in (
            self.drop,
            self.uploads,
            self.archive,
            self.quarantine,
            self.emotion_tracks,
            self.dagster,
            self.root / "locks",
        ):
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[None]:
        """Hold a lock that every process on this home honours; freed when its process dies.

        Raises HomeBusyError without `wait`, where another process holds it.
        """
        (self.root / "locks").mkdir(parents=True, exist_ok=True)
        held = FileLock(self.root / "locks" / f"{name}.lock")
        try:
            held.acquire(timeout=-1 if wait else 0)
        except Timeout as error:
            raise HomeBusyError(f"another process holds the lock {name}") from error
        try:
            yield
        finally:
            held.release()


def _check_calendar(timezone: str, first_day: str) -> Calendar:
    try:
        ZoneInfo(timezone)
    except (LookupError, ValueError, OSError) as error:
        raise HomeError(
            f"CALLQA_TIMEZONE: there is no time zone {timezone!r}; use an IANA name such as "
            f"{DEFAULT_CALENDAR.timezone}"
        ) from error
    try:
        date.fromisoformat(first_day)
    except ValueError as error:
        raise HomeError(
            f"CALLQA_FIRST_DAY: {first_day!r} is not a day; write YYYY-MM-DD, such as "
            f"{DEFAULT_CALENDAR.first_day}"
        ) from error
    return Calendar(timezone, first_day)
