"""The home folder: where everything that is not code lives, and the locks that guard it.

Layout only. What goes into the folders is decided by the resources beside this file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from callqa_assets.domain.days import DEFAULT_CALENDAR, Calendar

REPO = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Home:
    """`CALLQA_HOME`: drop/ archive/ quarantine/ lake/ callqa.db dagster/ locks/."""

    root: Path
    calendar: Calendar = DEFAULT_CALENDAR
    """How its recordings are partitioned into days."""

    @classmethod
    def from_environment(cls) -> Home:
        return cls(Path(os.environ.get("CALLQA_HOME") or REPO / "data").resolve())

    @property
    def drop(self) -> Path:
        return self.root / "drop"

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
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def database_url(self) -> str:
        """The SQLite database that belongs to this home."""
        return f"sqlite:///{self.root / 'callqa.db'}"

    def create_folders(self) -> None:
        for folder in (
            self.drop,
            self.archive,
            self.quarantine,
            self.emotion_tracks,
            self.dagster,
            self.root / "locks",
        ):
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold a lock that every process on this home honours; freed when its process dies."""
        (self.root / "locks").mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / "locks" / f"{name}.lock"):
            yield


def configs_folder() -> Path:
    """`CALLQA_CONFIGS`, else the repository's configs/."""
    return Path(os.environ.get("CALLQA_CONFIGS") or REPO / "configs").resolve()


def models_folder() -> Path:
    """`CALLQA_MODELS`, else models/ in the repository: weights are shared by every home."""
    return Path(os.environ.get("CALLQA_MODELS") or REPO / "models").resolve()
