"""A server on a port of its own, with fake models, in this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import uvicorn

from callqa_assets.domain.live.live_config import LiveConfig
from callqa_assets.pipeline import Pipeline
from callqa_assets.serving.app import build_app
from callqa_assets.serving.context import ServingContext
from callqa_assets.serving.live_sessions import LiveSessions
from callqa_assets.serving.settings import Limits
from callqa_assets.serving.sound_files import SoundFiles
from callqa_assets.serving.upload_worker import UploadWorker
from resources.settings import Settings
from resources.storage.drop_folder import DropFolder
from tests.support.direct import DirectRun


@dataclass(frozen=True)
class Served:
    """A running server."""

    client: httpx.Client
    context: ServingContext

    def post(self, *files: tuple[str, bytes], field: str = "audio", **kwargs: Any):
        """Post files (name, content) and form fields to `/api/batch_transcribe`."""
        path = kwargs.pop("path", "/api/batch_transcribe")
        headers = kwargs.pop("headers", {})
        return self.client.post(
            path, files=[(field, file) for file in files], data=kwargs, headers=headers
        )


@contextmanager
def serve(
    direct: DirectRun,
    models: Any,
    *,
    limits: Limits | None = None,
    works: bool = True,
    live: LiveConfig | None = None,
) -> Iterator[Served]:
    """Serve a home; without `works`, nothing that is uploaded is processed."""

    def open_pipeline() -> Pipeline:
        return replace(direct.pipeline(models), drop=DropFolder(direct.home.uploads))

    worker = UploadWorker(open_pipeline, after_cycle=lambda: None)
    context = ServingContext(
        Settings.from_environment(),
        direct.warehouse,
        worker,
        SoundFiles(direct.home, direct.warehouse),
        LiveSessions(live, direct.home, direct.warehouse, worker.wake) if live else None,
        limits or Limits(min_free_bytes=0),
    )
    app = build_app(context, ["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        if works:
            worker.start()
        port = listening.getsockname()[1]
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield Served(client, context)
        finally:
            worker.stop(30)
            server.should_exit = True
            thread.join()
