"""A recording as the stages see it. How its facts are found is in `metadata`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from callqa_assets.domain.audio.decoding import Encoding
from callqa_assets.domain.calls.facts import CallFacts


@dataclass(frozen=True)
class Recording:
    """One audio file of one call that can be processed."""

    recording_id: str
    day: str
    """Local day on which the call started, 'YYYY-MM-DD': its partition."""
    content_sha256: str
    archive_path: str
    """Relative to the home."""
    channels: int
    channel_roles: tuple[str, ...]
    """One role per channel: agent, customer, mixed or channel_N."""
    sample_rate: int
    duration_s: float
    started_at: datetime
    metadata_version: str
    facts: CallFacts = field(default_factory=CallFacts)
    encoding: Encoding | None = None
    """What its sound is, where the file has no header."""
