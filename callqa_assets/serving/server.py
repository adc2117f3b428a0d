"""Running the server: two addresses, one application, one worker; a clean end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta

import uvicorn

from callqa_assets.alerting.delivery import drain
from callqa_assets.domain.live.live_config import LiveConfig
from callqa_assets.pipeline import Pipeline
from callqa_assets.serving.app import build_app
from callqa_assets.serving.context import ServingContext
from callqa_assets.serving.live_sessions import LiveSessions
from callqa_assets.serving.settings import Address, ServingError
from callqa_assets.serving.sound_files import SoundFiles
from callqa_assets.serving.upload_worker import UploadWorker
from callqa_assets.warehouse import batches
from resources.notifier.notifier import load_notifier
from resources.notifier.receiver_config import ChannelsError
from resources.settings import Settings
from resources.storage import uploads
from resources.storage.config_files import LIVE_FILE, read_live_config
from resources.storage.home import HomeBusyError

_log = logging.getLogger(__name__)

_STOP_S = 30.0
"""How long the cycle at hand may take to end; after that it is left, as by a kill."""
_DELIVER = timedelta(seconds=20)


def serve(settings: Settings, addresses: Sequence[Address], *, live: bool) -> None:
    """Serve until SIGINT or SIGTERM. Raises CallqaError where the home cannot be used.

    Args:
        live: Let the sources of `configs/live.yaml` stream calls.
    """
    with ExitStack() as stack:
        _hold_home(settings, stack)
        listening = [(address, stack.enter_context(_bind(address))) for address in addresses]
        _serve(open_context(settings, live=live), listening)


def _hold_home(settings: Settings, stack: ExitStack) -> None:
    """One server a home: a second one would take up what the first is receiving."""
    try:
        stack.enter_context(settings.home.lock("serve", wait=False))
    except HomeBusyError as error:
        raise ServingError(
            f"another `callqa serve` works on {settings.home.root}: stop it first"
        ) from error


def _bind(address: Address) -> socket.socket:
    try:
        return socket.create_server((address.host, address.port), family=address.family)
    except OSError as error:
        raise ServingError(
            f"{address} cannot be listened on ({error.strerror}): end what uses it, or name "
            "another address with --listen or --ui"
        ) from error


def _serve(context: ServingContext, listening: Sequence[tuple[Address, socket.socket]]) -> None:
    hosts = ["localhost", "127.0.0.1", "[::1]", *(a.host for a, _ in listening)]
    app = build_app(context, hosts)
    servers = [
        uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=round(_STOP_S),
                ws_ping_interval=20,
                ws_ping_timeout=60,
                ws_max_size=1 << 20,
                limit_concurrency=1_000,
            )
        )
        for _ in listening
    ]
    context.worker.start()
    for address, _ in listening:
        _log.info("listening on http://%s", address)
    try:
        asyncio.run(_run(list(zip(servers, (own for _, own in listening), strict=True))))
    finally:
        context.worker.stop(_STOP_S)


async def _run(servers: Sequence[tuple[uvicorn.Server, socket.socket]]) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server, _ in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    # Not `serve`, whose handlers of signals are one server's in place of the other's.
    tasks = [asyncio.create_task(server._serve([own])) for server, own in servers]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop()
    await asyncio.gather(*tasks)


def open_context(settings: Settings, *, live: bool) -> ServingContext:
    """What the routes work with; the worker is not started. Raises CallqaError."""
    warehouse = settings.open_warehouse()
    own = replace(settings, drop=settings.home.uploads)
    own.drop.mkdir(exist_ok=True)
    Pipeline.open(own)  # what is wrong with the configuration is told at once
    with warehouse.read() as connection:
        uploads.recover(own.drop, batches.read_batch_ids(connection))
    delivery = _Delivery(lambda: deliver(settings))
    worker = UploadWorker(open_pipeline=lambda: Pipeline.open(own), after_cycle=delivery.start)
    sessions = LiveSessions(
        read_live_config(settings.configs / LIVE_FILE) if live else LiveConfig(),
        settings.home,
        warehouse,
        worker.wake,
    )
    sessions.recover()  # of an earlier start that had `live`, too
    sounds = SoundFiles(settings.home, warehouse)
    return ServingContext(settings, warehouse, worker, sounds, sessions if live else None)


def deliver(settings: Settings) -> None:
    """Send the alerts that are due; what goes wrong is logged, and they wait."""
    try:
        notifier = load_notifier(settings.channels_file, settings.environment)
        report = drain(settings.open_warehouse(), notifier, budget=_DELIVER)
    except ChannelsError as error:
        _log.error("%s; alerts wait", error)
    except Exception as error:  # noqa: BLE001 - they wait in the outbox, for Dagster's sensor, too
        _log.error("alerts wait: %s", type(error).__name__)
    else:
        _log.info("alerts: %s", report)


@dataclass
class _Delivery:
    """Delivers in a thread of its own, one at a time: a receiver that hangs holds up no file."""

    deliver: Callable[[], None]
    _thread: threading.Thread | None = field(default=None)

    def start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self.deliver, name="deliver", daemon=True)
            self._thread.start()
