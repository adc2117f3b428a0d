"""What the routes work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import Request

from callqa_assets.serving.live_sessions import LiveSessions
from callqa_assets.serving.metrics import Metrics
from callqa_assets.serving.settings import Limits
from callqa_assets.serving.sound_files import SoundFiles
from callqa_assets.serving.upload_worker import UploadWorker
from callqa_assets.warehouse.database import Warehouse
from resources.settings import Settings


@dataclass(frozen=True)
class ServingContext:
    """One server."""

    settings: Settings
    warehouse: Warehouse
    worker: UploadWorker
    sounds: SoundFiles
    live: LiveSessions | None = None
    """None: nothing may be streamed."""
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)


def context_of(request: Request) -> ServingContext:
    return request.app.state.context
