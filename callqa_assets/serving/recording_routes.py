"""The history: calls that were processed, whoever brought them: `/api/recordings`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.text.bigrams import normalise
from callqa_assets.serving.answers import describe_result, read_cursor, write_cursor
from callqa_assets.serving.batch_routes import read_limit
from callqa_assets.serving.context import ServingContext, context_of
from callqa_assets.serving.errors import BadRequestError
from callqa_assets.warehouse.call_details import CallFilter, list_calls, read_calls
from callqa_assets.warehouse.search import SearchFilter, find

_FILTERS = ("q", "day", "agent", "emotion", "alert")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_FOUND = 2_000
"""Calls that a search may find; more are not told apart by anybody."""


async def list_recordings(request: Request) -> Response:
    """Calls, the newest first; texts are masked."""
    context = context_of(request)
    unknown = set(request.query_params) - {*_FILTERS, "after", "limit"}
    if unknown:
        raise BadRequestError(f"unknown parameters: {', '.join(sorted(unknown))}")
    chosen, wanted = read_filter(request.query_params)
    before, limit = read_cursor(request.query_params.get("after")), read_limit(request, context)
    return JSONResponse(await run_in_threadpool(_list, context, chosen, wanted, before, limit))


def read_filter(query: Mapping[str, str]) -> tuple[CallFilter, str | None]:
    """The filter, and the text to search for. Raises BadRequestError."""
    day, emotion, alert = query.get("day"), query.get("emotion"), query.get("alert")
    if day is not None and not _is_day(day):
        raise BadRequestError(f"day is {day!r}: send YYYY-MM-DD")
    if emotion is not None and emotion not in (*EMOTIONS, "unknown"):
        raise BadRequestError(f"emotion is {emotion!r}: send one of {', '.join(EMOTIONS)}")
    if alert not in (None, "true", "false"):
        raise BadRequestError(f"alert is {alert!r}: send true or false")
    has_alert = None if alert is None else alert == "true"
    chosen = CallFilter(day=day, agent=query.get("agent"), emotion=emotion, has_alert=has_alert)
    wanted = query.get("q") or None
    if wanted is not None and not normalise(wanted):
        raise BadRequestError("q has no letter or digit to search for")
    return chosen, wanted


def _is_day(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return False
    return _DAY.fullmatch(text) is not None


def find_calls(
    context: ServingContext,
    chosen: CallFilter,
    wanted: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Calls with their segments, masked, the newest first."""
    with context.warehouse.read() as connection:
        if wanted is not None:
            within = SearchFilter(chosen.day, chosen.day, agent=chosen.agent)
            found = find(connection, wanted, within, limit=_MAX_FOUND)
            chosen = CallFilter(
                [call.recording_id for call in found.calls],
                chosen.day,
                chosen.agent,
                chosen.emotion,
                chosen.has_alert,
            )
        ids = list_calls(connection, chosen, before, limit)
        calls = read_calls(connection, ids, masked=True)
    return [calls[recording_id] for recording_id in ids]


def _list(
    context: ServingContext,
    chosen: CallFilter,
    wanted: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> dict[str, Any]:
    listed = [_entry(call) for call in find_calls(context, chosen, wanted, before, limit)]
    last = listed[-1] if len(listed) == limit else None
    return {
        "recordings": listed,
        "next": write_cursor(datetime.fromisoformat(last["started_at"]), last["recording_id"])
        if last
        else None,
    }


def _entry(call: dict[str, Any]) -> dict[str, Any]:
    result = describe_result(call, itn_enabled=True)
    del result["segments"]
    return {**{k: v for k, v in call.items() if k != "segments"}, **result}


async def show_recording(request: Request) -> Response:
    """One call with its segments; texts are masked."""
    context, recording_id = context_of(request), request.path_params["recording_id"]

    def read() -> dict[str, dict[str, Any]]:
        with context.warehouse.read() as connection:
            return read_calls(connection, [recording_id], masked=True)

    found = (await run_in_threadpool(read)).get(recording_id)
    if found is None:
        raise BadRequestError("there is no recording of this id", 404)
    return JSONResponse({**found, **describe_result(found, itn_enabled=True)})


ROUTES = [
    Route("/api/recordings", list_recordings),
    Route("/api/recordings/{recording_id}", show_recording),
]
