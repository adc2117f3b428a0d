"""Taking in a request's files as a batch: on disk, then in the warehouse, then in sight."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from callqa_assets.domain.text.hotwords import MAX_CHARACTERS, MAX_HOTWORDS, is_hotword
from callqa_assets.serving.batch_store import UploadOptions, find_batch, store_batch
from callqa_assets.serving.context import ServingContext
from callqa_assets.serving.errors import BadRequestError
from callqa_assets.serving.multipart import receive_form
from callqa_assets.warehouse.batches import Batch
from resources.storage.uploads import IncomingBatch

Form = Mapping[str, Sequence[str]]
"""The fields of a form beside its files."""

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_TRUE = {"true": True, "1": True, "yes": True, "on": True}
_FALSE = {"false": False, "0": False, "no": False, "off": False}


async def receive_batch(
    context: ServingContext,
    request: Request,
    file_field: str,
    check: Callable[[Form, int], None],
) -> tuple[Batch, Form]:
    """The batch of a request's files, queued, and the form's other fields.

    With an `Idempotency-Key` that came before, the batch of then; what is sent now is dropped.
    Raises BadRequestError; then nothing is kept.

    Args:
        check: Raises BadRequestError where the fields, or the number of files, cannot be answered.
    """
    key = _read_key(request)
    if key is not None and (known := await run_in_threadpool(_find, context, key)):
        async for _ in request.stream():
            pass  # a client that is still sending would not read the answer
        return known, {}
    root = context.settings.home.uploads
    if shutil.disk_usage(root).free < context.limits.min_free_bytes:
        raise BadRequestError("the server's disk is nearly full: try again later", 507)
    incoming = IncomingBatch(root, uuid.uuid4().hex)
    try:
        fields = await receive_form(request, incoming, file_field, context.limits)
        if not incoming.files:
            raise BadRequestError(f"there is no file in the form's field `{file_field}`")
        options = read_options(fields)
        check(fields, len(incoming.files))
    except BaseException:
        await run_in_threadpool(incoming.discard)
        raise
    batch = await run_in_threadpool(
        store_batch, context.warehouse, incoming, options, idempotency_key=key
    )
    context.metrics.uploaded_files.inc(len(batch.files))
    context.metrics.uploaded_bytes.inc(sum(file.size_bytes for file in batch.files))
    context.worker.wake()
    return batch, fields


def read_options(fields: Form) -> UploadOptions:
    """Raises BadRequestError."""

    def last(name: str) -> str:
        return fields[name][-1].strip() if fields.get(name) else ""

    language = last("language").lower().partition("-")[0] or None
    if language in ("auto", "none"):
        language = None
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise BadRequestError(f"language {language!r} is no ISO 639 code: send one like zh")
    itn = last("itn_enabled").lower() or "true"
    if itn not in _TRUE | _FALSE:
        raise BadRequestError(f"itn_enabled is {itn!r}: send true or false")
    words = [w.strip() for text in fields.get("hotwords", ()) for w in text.splitlines()]
    hotwords = list(dict.fromkeys(filter(None, words)))
    for word in hotwords:
        if not is_hotword(word):
            raise BadRequestError(
                f"hotword {word!r} has more than letters, digits and single spaces, or more than "
                f"{MAX_CHARACTERS} characters: write it as it is spoken, one a line"
            )
    if len(hotwords) > MAX_HOTWORDS:
        raise BadRequestError(f"{len(hotwords)} hotwords: send at most {MAX_HOTWORDS}")
    return UploadOptions(language, (_TRUE | _FALSE)[itn], tuple(hotwords))


def _read_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= 200:
        raise BadRequestError("Idempotency-Key has to have 1 to 200 characters")
    return key


def _find(context: ServingContext, key: str) -> Batch | None:
    return find_batch(context.warehouse, key)
