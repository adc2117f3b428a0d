"""What it costs to take in files: a hundred of 5 MB in one request, and `/health` meanwhile.

    python -m benchmarks.speed.uploads [--files 100] [--mb 5] [--rounds 3]

prints a Markdown table for benchmarks/RESULTS.md. A server in a process of its own, whose worker
does nothing, takes the request over the loopback from this process; another thread asks for
`/health` every 20 ms. Beside it, the same body through Starlette's own form parser, which keeps
files in temporary ones that would still have to be copied and hashed.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

BOUNDARY = "boundary"


def make_body(files: int, size: int) -> Iterator[bytes]:
    """The pieces of a form; every file is other bytes."""
    block = bytes(range(256)) * 256
    for number in range(files):
        yield (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="audio"; '
            f'filename="{number}.wav"\r\n\r\n{number:08d}'
        ).encode()
        left = size - 8
        while left > 0:
            yield block[:left]
            left -= len(block)
        yield b"\r\n"
    yield f"--{BOUNDARY}--\r\n".encode()


def serve_callqa(folder: str, listening: socket.socket, ready: Connection) -> None:
    """callqa's routes on a fresh home."""
    import uvicorn

    from callqa_assets.serving.app import build_app
    from callqa_assets.serving.context import ServingContext
    from callqa_assets.serving.settings import Limits
    from callqa_assets.serving.sound_files import SoundFiles
    from callqa_assets.serving.upload_worker import UploadWorker
    from callqa_assets.warehouse.database import Warehouse
    from resources.settings import Settings

    settings = Settings.from_environment({}, home=Path(folder))
    settings.home.create_folders()
    warehouse = Warehouse(settings.home.database_url)
    warehouse.migrate()

    def do_nothing() -> None:
        return

    worker = UploadWorker(lambda: None, do_nothing)  # pyright: ignore[reportArgumentType]
    limits = Limits(max_request_bytes=4 << 30, min_free_bytes=0)
    sounds = SoundFiles(settings.home, warehouse)
    context = ServingContext(settings, warehouse, worker, sounds, limits=limits)
    app = build_app(context, ["127.0.0.1"])
    ready.send(None)
    uvicorn.Server(uvicorn.Config(app, log_config=None)).run([listening])


def serve_starlette(folder: str, listening: socket.socket, ready: Connection) -> None:
    """The same two routes with Starlette's form parser."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    tempfile.tempdir = folder

    async def take(request: Request) -> Response:
        form = await request.form(max_files=10_000)
        return JSONResponse({"files": len(form.getlist("audio"))}, 202)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "healthy"})

    app = Starlette(
        routes=[
            Route("/api/batch_transcribe", take, methods=["POST"]),
            Route("/health", health),
        ]
    )
    ready.send(None)
    uvicorn.Server(uvicorn.Config(app, log_config=None)).run([listening])


SERVERS = {"callqa": serve_callqa, "Starlette's form": serve_starlette}


def measure(name: str, files: int, size: int) -> tuple[float, float, list[float]]:
    """(seconds of the upload, seconds from its last byte to the answer, of each `/health`)."""
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="callqa-bench-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        port = listening.getsockname()[1]
        here, there = spawn.Pipe()
        server = spawn.Process(target=SERVERS[name], args=(folder, listening, there))
        server.start()
        here.recv()
        _ask(port)
        stop, waits = threading.Event(), list[float]()
        asking = threading.Thread(target=_keep_asking, args=(port, stop, waits))
        asking.start()
        length = sum(map(len, make_body(files, size)))
        client = http.client.HTTPConnection("127.0.0.1", port)
        client.putrequest("POST", "/api/batch_transcribe")
        client.putheader("content-type", f"multipart/form-data; boundary={BOUNDARY}")
        client.putheader("content-length", str(length))
        client.endheaders()
        began = time.perf_counter()
        for piece in make_body(files, size):
            client.send(piece)
        sent = time.perf_counter()
        status = client.getresponse().status
        answered = time.perf_counter()
        stop.set()
        asking.join()
        server.kill()
        server.join()
    if status != 202:
        raise RuntimeError(f"{name}: status {status}")
    return sent - began, answered - sent, waits


def _keep_asking(port: int, stop: threading.Event, waits: list[float]) -> None:
    while not stop.wait(0.02):
        waits.append(_ask(port))


def _ask(port: int) -> float:
    began = time.perf_counter()
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.request("GET", "/health")
    client.getresponse().read()
    client.close()
    return time.perf_counter() - began


def evaluate(files: int, size_mb: float, rounds: int) -> str:
    """The table, as Markdown."""
    lines = [
        f"{files} files of {size_mb:g} MB in one request over the loopback; median of {rounds}.",
        "",
        "| server | upload s | last byte to answer s | `/health` p50 ms | p99 ms | most ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in SERVERS:
        found = [measure(name, files, round(size_mb * 1e6)) for _ in range(rounds)]
        waits = sorted(1000 * wait for _, _, own in found for wait in own)
        lines.append(
            f"| {name} | {median(f[0] for f in found):.2f} | {median(f[1] for f in found):.2f} "
            f"| {median(waits):.1f} | {waits[int(0.99 * len(waits))]:.1f} | {waits[-1]:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--mb", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(evaluate(options.files, options.mb, options.rounds))


if __name__ == "__main__":
    main()
