"""`callqa dev`: Dagster's web server and daemon as two processes that live and end together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from callqa_assets.cli.stop_signals import heeded
from resources.settings import Settings

_POLL_S = 0.2
_GRACE_S = 10.0
"""After which a process that was asked to end is killed."""


def run_servers(settings: Settings, port: int) -> int:
    """Run until one of the two ends, or SIGINT, SIGTERM or SIGHUP arrives; returns 0 then.

    Otherwise the status of the process that ended. The other one is ended too. Ctrl-C reaches all
    three; a SIGTERM, or a SIGINT of a job in the background, is passed on.
    """
    module = ["--module-name", "callqa_assets.definitions"]
    web = ["dagster-webserver", *module, "--host", "127.0.0.1", "--port", str(port)]
    daemon = ["dagster-daemon", "run", *module]
    asked: list[int] = []
    for number in heeded():
        # Explicitly: a shell starts background jobs with SIGINT ignored, and children inherit that.
        signal.signal(number, lambda number, frame: asked.append(number))
    environment = settings.for_child_process()
    servers = [
        # Beside this interpreter: scripts of an environment need not be on the PATH.
        subprocess.Popen([Path(sys.executable).with_name(name), *arguments], env=environment)  # noqa: S603
        for name, *arguments in (web, daemon)
    ]
    ended: int | None = None
    while not asked and ended is None:
        time.sleep(_POLL_S)
        ended = next((s.returncode for s in servers if s.poll() is not None), None)
    _end(servers)
    return 0 if asked else ended or 0


def _end(servers: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask every process to end, and kill what does not."""
    for server in servers:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    for server in servers:
        try:
            server.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
