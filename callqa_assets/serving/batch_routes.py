"""Batches of uploaded files: `/api/batch_transcribe`, `/api/batches`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from callqa_assets.serving.answers import describe_batches, read_cursor, write_cursor
from callqa_assets.serving.context import ServingContext, context_of
from callqa_assets.serving.errors import BadRequestError
from callqa_assets.serving.uploads import Form, receive_batch
from callqa_assets.warehouse import batches

_LOOK_S = 0.25
"""How often the warehouse is asked whether a batch is finished."""


async def batch_transcribe(request: Request) -> Response:
    """Take in files: 202 with the batch; with `wait`, 200 with the results where all are done."""
    context = context_of(request)
    batch, fields = await receive_batch(
        context, request, "audio", lambda fields, files: _check_wait(fields, context)
    )
    wait_s = _read_wait(fields)
    finished = wait_s > 0 and await wait_for(context, batch.batch_id, wait_s)
    described = await read_described(context, batch.batch_id, with_results=finished)
    location = {"location": f"/api/batches/{batch.batch_id}"}
    return JSONResponse(described, 200 if finished else 202, headers=location)


def _read_wait(fields: Form) -> float:
    """Seconds to wait; negative where the field is no number."""
    try:
        return float((fields.get("wait") or ["0"])[-1] or 0)
    except ValueError:
        return -1.0


def _check_wait(fields: Form, context: ServingContext) -> None:
    if not 0 <= _read_wait(fields) <= context.limits.max_wait_s:
        raise BadRequestError(f"wait: send seconds, 0 to {context.limits.max_wait_s:g}")


async def wait_for(context: ServingContext, batch_id: str, seconds: float) -> bool:
    """Whether the batch is finished within this time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        if await run_in_threadpool(_is_finished, context, batch_id):
            return True
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(_LOOK_S)


def _is_finished(context: ServingContext, batch_id: str) -> bool:
    with context.warehouse.read() as connection:
        return all(batch.is_finished for batch in batches.read_batches(connection, [batch_id]))


async def read_described(
    context: ServingContext, batch_id: str, *, with_results: bool = True, with_words: bool = False
) -> dict[str, Any]:
    """A batch as JSON. Raises BadRequestError where there is none."""

    def read() -> list[dict[str, Any]]:
        with context.warehouse.read() as connection:
            found = batches.read_batches(connection, [batch_id])
            return describe_batches(
                connection, found, with_results=with_results, with_words=with_words
            )

    described = await run_in_threadpool(read)
    if not described:
        raise BadRequestError("there is no batch of this id", 404)
    return described[0]


async def show_batch(request: Request) -> Response:
    """One batch with its results; `words=true`: with the times of words."""
    with_words = request.query_params.get("words", "").lower() in ("1", "true")
    described = await read_described(
        context_of(request), request.path_params["batch_id"], with_words=with_words
    )
    return JSONResponse(described)


async def list_batches(request: Request) -> Response:
    """The newest batches without their results, page by page."""
    context = context_of(request)
    before = read_cursor(request.query_params.get("after"))
    limit = read_limit(request, context)

    def read() -> dict[str, Any]:
        with context.warehouse.read() as connection:
            found = batches.list_batches(connection, before, limit)
            described = describe_batches(connection, found, with_results=False)
        last = found[-1] if len(found) == limit else None
        return {
            "batches": described,
            "next": write_cursor(last.received_at, last.batch_id) if last else None,
        }

    return JSONResponse(await run_in_threadpool(read))


def read_limit(request: Request, context: ServingContext) -> int:
    """How many entries a page has. Raises BadRequestError."""
    text = request.query_params.get("limit", "50")
    if not text.isdigit() or not 0 < int(text) <= context.limits.max_page:
        raise BadRequestError(f"limit is {text!r}: send 1 to {context.limits.max_page}")
    return int(text)


async def batch_events(request: Request) -> Response:
    """Server-sent events: `file` with each change of a file's state, `batch` at the end."""
    context, batch_id = context_of(request), request.path_params["batch_id"]
    await read_described(context, batch_id, with_results=False)
    return StreamingResponse(
        _follow(context, request, batch_id),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _follow(context: ServingContext, request: Request, batch_id: str) -> AsyncIterator[str]:
    told: dict[int, dict[str, Any]] = {}
    while not await request.is_disconnected():
        batch = await read_described(context, batch_id, with_results=False)
        for number, file in enumerate(batch["files"]):
            if told.get(number) != file:
                told[number] = file
                yield _event("file", {"file_no": number, **file})
        if batch["status"] in ("done", "failed"):
            del batch["files"]
            yield _event("batch", batch)
            return
        await asyncio.sleep(_LOOK_S)


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


ROUTES = [
    Route("/api/batch_transcribe", batch_transcribe, methods=["POST"]),
    Route("/api/batches", list_batches),
    Route("/api/batches/{batch_id}", show_batch),
    Route("/api/batches/{batch_id}/events", batch_events),
]
