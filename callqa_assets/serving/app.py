"""The application: its routes, what is checked of every request, and how errors are answered."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callqa_assets.domain.errors import CallqaError
from callqa_assets.serving import (
    batch_routes,
    console,
    health,
    live_routes,
    openai_routes,
    recording_routes,
)
from callqa_assets.serving.context import ServingContext
from callqa_assets.serving.errors import BadRequestError, answer_error

OPENAPI_FILE = Path(__file__).with_name("openapi.yaml")
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""Of what is no page; pages have their own."""
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)

ROUTES = (
    Route("/health", health.health, methods=["GET", "POST"]),
    Route("/metrics", health.metrics),
    *batch_routes.ROUTES,
    *recording_routes.ROUTES,
    *console.FILE_ROUTES,
    *openai_routes.ROUTES,
)


async def _openapi(request: Request) -> Response:
    return FileResponse(OPENAPI_FILE, media_type="application/yaml")


def build_app(context: ServingContext, hosts: Sequence[str]) -> Starlette:
    """The application of one server.

    Args:
        hosts: Names under which it may be asked for. Another one is refused: a page on the web
            could else have its own name lead here.
    """
    app = Starlette(
        routes=[
            *ROUTES,
            Route("/openapi.yaml", _openapi),
            *live_routes.ROUTES,
            *console.ROUTES,
        ],
        lifespan=_end_sessions,
        middleware=[
            Middleware(_Observed),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
            Middleware(_SameOrigin),
        ],
        exception_handlers={
            BadRequestError: answer_error,
            CallqaError: answer_error,
            HTTPException: answer_error,
            Exception: answer_error,
        },
    )
    app.state.context = context
    return app


@asynccontextmanager
async def _end_sessions(app: Starlette) -> AsyncIterator[None]:
    yield
    context: ServingContext = app.state.context
    if context.live is not None:
        await context.live.stop()


class _SameOrigin:
    """Refuses what pages of other origins send: a browser would let any page on the web post."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD")
        if is_post or scope["type"] == "websocket":
            headers = dict(scope["headers"])
            origin = headers.get(b"origin")
            own = {scheme + headers.get(b"host", b"") for scheme in (b"http://", b"https://")}
            if origin is not None and origin not in own:
                answer = JSONResponse({"error": "a page of another origin may not send this"}, 403)
                if is_post:
                    await answer(scope, receive, send)
                else:
                    await send({"type": "websocket.close", "code": 1008})
                return
        await self._app(scope, receive, send)


class _Observed:
    """Adds the headers of every answer, and counts its time by route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name for name, _ in message["headers"]}
                policy = [] if _POLICY[0] in names else [_POLICY]
                message["headers"] = [*message["headers"], *_HEADERS, *policy]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            metrics = scope["app"].state.context.metrics
            metrics.requests.labels(_route_of(scope), status).observe(time.perf_counter() - began)


def _route_of(scope: Scope) -> str:
    """The route's pattern: a path could hold anything, and each would be a metric of its own."""
    for route in ROUTES:
        if route.matches(scope)[0] == Match.FULL:
            return route.path
    return "other"
