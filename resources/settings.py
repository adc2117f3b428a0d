"""Settings: what the environment and the command line decide, read once and handed down.

Nothing else in callqa reads `os.environ`, and nothing writes it. The variables are explained in
docs/operations.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from callqa_assets.domain.errors import CallqaError
from callqa_assets.warehouse.database import Warehouse, WarehouseError, open_warehouse
from resources.speech_models.profiles import DEFAULT_PROFILE, Profile, load_profile
from resources.storage.home import REPO, Home


class SettingsError(CallqaError):
    """A variable that cannot be used; the message names the cure."""


@dataclass(frozen=True)
class Settings:
    """Paths, database and model profile; secrets stay in `environment`."""

    home: Home
    drop: Path
    """Folder in which recordings arrive."""
    warehouse_url: str = field(repr=False)
    """SQLAlchemy URL; may hold a password."""
    profile: str
    """Model profile, a key of `configs`/models.yaml."""
    configs: Path
    models: Path
    """Weights, shared by every home."""
    channels_file: Path
    named_rules: Path | None
    """A rules file that replaces the profile's own."""
    device_locks: Path | None
    """Folder of the locks on accelerators; None: the system's folder for temporary files."""
    customer_key: bytes | None = field(repr=False)
    """Key under which customers' numbers are hashed; None: calls of one customer are not found."""
    environment: Mapping[str, str] = field(repr=False)
    """Holds the receivers' secrets, under the names that the channels file gives."""

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        home: Path | None = None,
        drop: Path | None = None,
        warehouse_url: str | None = None,
        profile: str | None = None,
        rules: Path | None = None,
    ) -> Settings:
        """Read the variables `CALLQA_…`; an option that is given wins over its variable.

        A home named as an option has its own database, unless a URL is named with it. Raises
        HomeError where the home was made with another time zone or first day.
        """
        env = os.environ if environment is None else environment
        root = _path(home, env.get("CALLQA_HOME"), REPO / "data")
        opened = Home.open(
            root,
            timezone=env.get("CALLQA_TIMEZONE") or None,
            first_day=env.get("CALLQA_FIRST_DAY") or None,
        )
        url = warehouse_url or (env.get("CALLQA_WAREHOUSE_URL") if home is None else None)
        configs = _path(None, env.get("CALLQA_CONFIGS"), REPO / "configs")
        named = rules or env.get("CALLQA_RULES") or None
        locks = env.get("CALLQA_DEVICE_LOCKS")
        return cls(
            home=opened,
            drop=_path(drop, env.get("CALLQA_DROP"), opened.drop),
            warehouse_url=url or opened.database_url,
            profile=profile or env.get("CALLQA_MODEL_PROFILE") or DEFAULT_PROFILE,
            configs=configs,
            models=_path(None, env.get("CALLQA_MODELS"), REPO / "models"),
            channels_file=_path(None, env.get("CALLQA_CHANNELS"), configs / "channels.yaml"),
            named_rules=Path(named).resolve() if named else None,
            device_locks=Path(locks) if locks else None,
            customer_key=_read_customer_key(env.get("CALLQA_CUSTOMER_KEY")),
            environment=env,
        )

    @property
    def profiles_file(self) -> Path:
        return self.configs / "models.yaml"

    @property
    def metadata_file(self) -> Path:
        return self.configs / "call_metadata.yaml"

    @property
    def hotwords(self) -> Path:
        """Folder of hotword lists, one per queue."""
        return self.configs / "hotwords"

    @property
    def rules_file(self) -> Path:
        """The named rules file, else the profile's. Raises ProfileError."""
        return self.named_rules or self.configs / self.load_profile().rules

    def load_profile(self) -> Profile:
        """Raises ProfileError where there is no such profile or its file is bad."""
        return load_profile(self.profiles_file, self.profile)

    def open_warehouse(self) -> Warehouse:
        """The warehouse as it is: nothing is created or brought up to date.

        Raises WarehouseError where there is none, or one of another version.
        """
        # SQLite would create an empty database.
        own = self.warehouse_url == self.home.database_url
        if own and not self.home.database.exists():
            raise WarehouseError(
                f"{self.home.root} holds no calls yet: process some with `callqa run`"
            )
        return open_warehouse(self.warehouse_url)

    def for_child_process(self) -> dict[str, str]:
        """The environment in which another process reads the same settings."""
        named = {
            "CALLQA_HOME": self.home.root,
            "CALLQA_DROP": self.drop,
            "CALLQA_WAREHOUSE_URL": self.warehouse_url,
            "CALLQA_MODEL_PROFILE": self.profile,
            "CALLQA_RULES": self.named_rules,
            "DAGSTER_HOME": self.home.dagster,
        }
        return {**self.environment, **{k: str(v) for k, v in named.items() if v is not None}}


MIN_CUSTOMER_KEY_CHARS = 16


def _read_customer_key(text: str | None) -> bytes | None:
    """Raises SettingsError for a key that could be guessed."""
    if not text:
        return None
    if len(text) < MIN_CUSTOMER_KEY_CHARS:
        raise SettingsError(
            f"CALLQA_CUSTOMER_KEY has fewer than {MIN_CUSTOMER_KEY_CHARS} characters: phone "
            "numbers hashed with it could be found by trying; make one with `openssl rand -hex 32`"
        )
    return text.encode()


def _path(option: Path | None, variable: str | None, default: Path) -> Path:
    """Absolute: a child process may work in another folder."""
    return Path(option or variable or default).resolve()
