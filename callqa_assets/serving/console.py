"""The console: pages in a browser, written on the server; scripts only follow and play."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from callqa_assets.domain.audio.decoding import UnreadableAudio
from callqa_assets.domain.emotion.colours import EMOTION_COLOURS
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.evidence.facts import EvidenceError
from callqa_assets.evidence.page import write_evidence
from callqa_assets.serving.answers import read_cursor, write_cursor
from callqa_assets.serving.console_words import LANGUAGES, words_of
from callqa_assets.serving.context import ServingContext, context_of
from callqa_assets.serving.errors import BadRequestError
from callqa_assets.serving.recording_routes import find_calls, read_filter
from callqa_assets.warehouse.call_details import read_calls, read_spans
from resources.html_pages import open_templates

_STATIC = Path(__file__).with_name("static")
_PAGE = 25
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def _clock(seconds: float) -> str:
    """`1:05`, or `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    language = request.query_params.get("lang") or request.cookies.get("lang") or LANGUAGES[0]
    if language not in LANGUAGES:
        language = LANGUAGES[0]
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    words = words_of(language)
    page = (
        open_templates("callqa_assets.serving")
        .get_template(template)
        .render(
            words=words,
            word=lambda key: words.get(key, key),
            clock=_clock,
            other_language=str(request.url.include_query_params(lang=other).query),
            path=request.url.path,
            colours=EMOTION_COLOURS,
            emotions=EMOTIONS,
            **values,
        )
    )
    response = HTMLResponse(page, status, headers={"content-security-policy": _POLICY})
    response.set_cookie("lang", language, httponly=True, samesite="strict")
    return response


async def try_one(request: Request) -> Response:
    """One file, sent and followed."""
    return _render(request, "try.html.j2")


async def list_calls(request: Request) -> Response:
    """Calls, the newest first, by what was said, day, agent, emotion and alerts."""
    context, query = context_of(request), request.query_params
    asked = {key: query[key] for key in ("q", "day", "agent", "emotion", "alert") if query.get(key)}
    problem, calls, after = None, [], None
    try:
        chosen, wanted = read_filter(asked)
        before = read_cursor(query.get("after"))
        calls = await run_in_threadpool(find_calls, context, chosen, wanted, before, _PAGE)
    except BadRequestError as error:
        problem = str(error)
    if len(calls) == _PAGE:
        last = calls[-1]
        after = write_cursor(datetime.fromisoformat(last["started_at"]), last["recording_id"])
    zone = context.settings.home.calendar
    for call in calls:
        call["local"] = (
            f"{zone.localize(datetime.fromisoformat(call['started_at'])):%Y-%m-%d %H:%M}"
        )
        call["mood"] = weigh_scores(call["segments"], _listened_to(call["segments"]))
    return _render(request, "calls.html.j2", calls=calls, asked=asked, after=after, problem=problem)


async def show_call(request: Request) -> Response:
    """One call: its sound, timeline, scores, text and alerts."""
    context, recording_id = context_of(request), request.path_params["recording_id"]
    call = await run_in_threadpool(_read_call, context, recording_id)
    if call is None:
        return _render(request, "not_found.html.j2", status=404)
    return _render(request, "call.html.j2", call=call)


def _read_call(context: ServingContext, recording_id: str) -> dict[str, Any] | None:
    with context.warehouse.read() as connection:
        call = read_calls(connection, [recording_id], masked=True).get(recording_id)
        if call is None:
            return None
        spans = read_spans(connection, recording_id)
    lanes: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for span in spans:
        lanes[span["channel"]].append(span)
    started = context.settings.home.calendar.localize(datetime.fromisoformat(call["started_at"]))
    listened_to = _listened_to(call["segments"])
    return {
        **call,
        "local": f"{started:%Y-%m-%d %H:%M:%S}",
        "lanes": [
            {"channel": channel, "role": role, "spans": lanes[channel]}
            for channel, role in enumerate(call["channel_roles"])
        ],
        "listened_to": listened_to,
        "mood": weigh_scores(call["segments"], listened_to),
    }


def _listened_to(segments: Sequence[Mapping[str, Any]]) -> str | None:
    """The role whose emotion a supervisor asks for first."""
    roles = [segment["role"] for segment in segments]
    return next((role for role in ("customer", "mixed", *roles) if role in roles), None)


def weigh_scores(segments: Sequence[Mapping[str, Any]], role: str | None) -> dict[str, Any] | None:
    """Main emotion and nine scores of a role's segments, weighted by their length; None without
    any. `unknown` where the segments' own labels are mostly that."""
    own = [s for s in segments if s["role"] == role and s["scores"] is not None]
    total = sum(s["end_s"] - s["start_s"] for s in own)
    if not total:
        return None
    scores = {
        emotion: sum(s["scores"][emotion] * (s["end_s"] - s["start_s"]) for s in own) / total
        for emotion in EMOTIONS
    }
    lengths: defaultdict[str, float] = defaultdict(float)
    for segment in own:
        lengths[segment["emotion"]] += segment["end_s"] - segment["start_s"]
    main = max(lengths, key=lambda emotion: (lengths[emotion], emotion))
    return {"role": role, "emotion": main, "scores": scores}


async def play(request: Request) -> Response:
    """The call's sound; ranges are answered."""
    try:
        path = await run_in_threadpool(
            context_of(request).sounds.find, request.path_params["recording_id"]
        )
    except (OSError, UnreadableAudio) as error:
        raise BadRequestError("its file is not in the archive: restore it", 404) from error
    if path is None:
        raise BadRequestError("there is no recording of this id", 404)
    return FileResponse(path, media_type="audio/wav")


async def evidence(request: Request) -> Response:
    """All that an alert rests on, as a file to keep."""
    context, alert_id = context_of(request), request.path_params["alert_id"]
    try:
        page = await run_in_threadpool(
            write_evidence, context.warehouse, context.settings.home, alert_id
        )
    except EvidenceError as error:
        raise BadRequestError(str(error), 404) from error
    kept = {"content-disposition": f'attachment; filename="{alert_id}.html"'}
    return HTMLResponse(page, headers=kept)


FILE_ROUTES = (
    Route("/api/recordings/{recording_id}/audio", play),
    Route("/api/alerts/{alert_id}/evidence", evidence),
)
ROUTES: list[BaseRoute] = [
    Route("/", try_one),
    Route("/calls", list_calls),
    Route("/calls/{recording_id}", show_call),
    Mount("/static", StaticFiles(directory=_STATIC)),
]
