"""`/v1/audio/transcriptions`, for clients that know only that: one file, answered when it is done.

Segments and words are those of the tables; on several channels they are in the order of time. The
model is the server's profile, whatever the client names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from callqa_assets.serving.batch_routes import read_described, wait_for
from callqa_assets.serving.context import context_of
from callqa_assets.serving.errors import BadRequestError
from callqa_assets.serving.uploads import Form, receive_batch

_FORMATS = ("json", "text", "srt", "vtt", "verbose_json")


async def transcribe(request: Request) -> Response:
    """Transcribe one file."""
    context = context_of(request)
    batch, fields = await receive_batch(context, request, "file", _check)
    form = _read_format(fields)
    if not await wait_for(context, batch.batch_id, context.limits.max_wait_s):
        raise BadRequestError(f"not finished yet: ask for it at /api/batches/{batch.batch_id}", 504)
    described = await read_described(context, batch.batch_id, with_words=True)
    (file,) = described["files"]
    if file["status"] == "failed":
        raise BadRequestError(file["reason"], 422)
    if form in ("json", "text"):
        return JSONResponse({"text": file["text"]}) if form == "json" else _text(file["text"])
    key = "text" if described["itn_enabled"] else "text_raw"
    segments = [segment for segment in file["segments"] if segment[key]]
    if form == "verbose_json":
        wanted = fields.get("timestamp_granularities[]", ["segment"])
        return JSONResponse(_verbose(file, segments, key, "word" in wanted))
    return _text(write_srt(segments, key) if form == "srt" else write_vtt(segments, key))


def _check(fields: Form, files: int) -> None:
    if files != 1:
        raise BadRequestError("send one file: several go to /api/batch_transcribe")
    form = _read_format(fields)
    if form not in _FORMATS:
        raise BadRequestError(f"response_format is {form!r}: send one of {', '.join(_FORMATS)}")


def _read_format(fields: Form) -> str:
    return (fields.get("response_format") or ["json"])[-1]


def _text(text: str) -> Response:
    return PlainTextResponse(text + "\n")


def _verbose(
    file: Mapping[str, Any], segments: Sequence[Mapping[str, Any]], key: str, with_words: bool
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": file["language"],
        "duration": file["duration_s"],
        "text": file["text"],
        "segments": [
            {
                "id": number,
                "start": segment["start_s"],
                "end": segment["end_s"],
                "text": segment[key],
                "channel": segment["channel"],
                "role": segment["role"],
                "emotion": segment["emotion"],
            }
            for number, segment in enumerate(segments)
        ],
    }
    if with_words:
        answer["words"] = [
            {"word": word["word"], "start": word["start_s"], "end": word["end_s"]}
            for segment in segments
            for word in segment["words"]
        ]
    return answer


def write_srt(segments: Sequence[Mapping[str, Any]], key: str) -> str:
    """SubRip."""
    blocks = [
        f"{number}\n{_span(segment, ',')}\n{segment[key]}\n"
        for number, segment in enumerate(segments, 1)
    ]
    return "\n".join(blocks)


def write_vtt(segments: Sequence[Mapping[str, Any]], key: str) -> str:
    """WebVTT. Its mark-up characters are written as entities."""
    escape: Callable[[str], str] = lambda text: (  # noqa: E731
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    )
    blocks = [f"{_span(segment, '.')}\n{escape(segment[key])}\n" for segment in segments]
    return "\n".join(["WEBVTT\n", *blocks])


def _span(segment: Mapping[str, Any], point: str) -> str:
    return f"{_clock(segment['start_s'], point)} --> {_clock(segment['end_s'], point)}"


def _clock(seconds: float, point: str) -> str:
    total_ms = round(seconds * 1000)
    minutes, ms = divmod(total_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{ms // 1000:02d}{point}{ms % 1000:03d}"


async def list_models(request: Request) -> Response:
    """The one model: the server's profile."""
    profile = context_of(request).settings.profile
    return JSONResponse(
        {"object": "list", "data": [{"id": profile, "object": "model", "owned_by": "callqa"}]}
    )


ROUTES = [
    Route("/v1/audio/transcriptions", transcribe, methods=["POST"]),
    Route("/v1/models", list_models),
]
