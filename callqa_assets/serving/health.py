"""Whether the server can do its work, and what is wrong where it cannot."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import exc
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callqa_assets.serving.context import ServingContext, context_of
from callqa_assets.warehouse.tables import batch_files, batches


async def health(request: Request) -> Response:
    """`{"status": "healthy"}`, or 503 with what is wrong."""
    problems = await run_in_threadpool(find_problems, context_of(request))
    if problems:
        return JSONResponse({"status": "unhealthy", "problems": problems}, 503)
    return JSONResponse({"status": "healthy"})


async def metrics(request: Request) -> Response:
    """For Prometheus."""
    context = context_of(request)
    await run_in_threadpool(_measure, context)
    return Response(context.metrics.render(), media_type="text/plain; version=0.0.4")


def find_problems(context: ServingContext) -> list[str]:
    """Each with its cure; [] where all is well."""
    problems = list(context.worker.problems)
    try:
        with context.warehouse.read() as connection:
            connection.execute(sa.select(1))
    except exc.SQLAlchemyError as error:
        problems.append(f"the warehouse cannot be read ({type(error).__name__}): start its server")
    free = shutil.disk_usage(context.settings.home.root).free
    if free < context.limits.min_free_bytes:
        problems.append(
            f"{free >> 20} MiB are free on the home's disk: make room; uploads are refused"
        )
    if not context.worker.is_alive:
        problems.append("the thread that processes uploads has ended: restart callqa serve")
    return problems


def _measure(context: ServingContext) -> None:
    gauges = context.metrics
    gauges.healthy.set(not find_problems(context))
    gauges.live_sessions.set(context.live.count if context.live else 0)
    gauges.free_bytes.set(shutil.disk_usage(context.settings.home.root).free)
    query = (
        sa.select(sa.func.count(), sa.func.min(batches.c.received_at))
        .select_from(batch_files)
        .join(batches, batches.c.batch_id == batch_files.c.batch_id)
        .where(batch_files.c.status == "queued")
    )
    with context.warehouse.read() as connection:
        queued, oldest = connection.execute(query).one()
    gauges.queued_files.set(queued)
    gauges.oldest_queued.set((datetime.now(UTC) - oldest).total_seconds() if oldest else 0)
