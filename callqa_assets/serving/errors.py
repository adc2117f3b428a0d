"""Errors as clients see them: JSON with what is wrong and the cure, never a traceback."""

from __future__ import annotations

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callqa_assets.domain.errors import CallqaError

_log = logging.getLogger(__name__)


class BadRequestError(Exception):
    """A request that cannot be answered; the message names the cure."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def answer_error(request: Request, error: Exception) -> Response:
    """`{"error": …}` with the status that fits."""
    if isinstance(error, BadRequestError):
        return _answer(str(error), error.status)
    if isinstance(error, HTTPException):
        return JSONResponse(
            {"error": error.detail}, error.status_code, headers=dict(error.headers or {})
        )
    if isinstance(error, CallqaError):
        return _answer(str(error), 503)
    # Its text could quote a row.
    _log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    return _answer("internal error: see the server's log", 500)


def _answer(message: str, status: int) -> Response:
    return JSONResponse({"error": message}, status)
