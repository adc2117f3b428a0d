"""Taking in a request's files as a batch: on disk, then in the warehouse, then in sight."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import exc
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from callqa_assets.domain.text.hotwords import MAX_CHARACTERS, MAX_HOTWORDS, is_hotword
from callqa_assets.serving.context import ServingContext
from callqa_assets.serving.errors import BadRequestError
from callqa_assets.serving.multipart import receive_form
from callqa_assets.warehouse import batches
from callqa_assets.warehouse.batches import Batch, BatchFile
from callqa_assets.warehouse.recordings import read_known_facts
from resources.storage.archive import recording_id_of
from resources.storage.uploads import IncomingBatch

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_TRUE = {"true": True, "1": True, "yes": True, "on": True}
_FALSE = {"false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True)
class UploadOptions:
    """What a client says of the files it sends."""

    language: str | None = None
    itn_enabled: bool = True
    hotwords: Sequence[str] = ()


async def receive_batch(
    context: ServingContext, request: Request, file_field: str
) -> tuple[Batch, Mapping[str, list[str]]]:
    """The batch of a request's files, queued, and the form's other fields.

    With an `Idempotency-Key` that came before, the batch of then; what is sent now is dropped.
    Raises BadRequestError.
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
        batch = await run_in_threadpool(_store, context, incoming, options, key)
    except BaseException:
        await run_in_threadpool(incoming.discard)
        raise
    context.metrics.uploaded_files.inc(len(batch.files))
    context.metrics.uploaded_bytes.inc(sum(file.size_bytes for file in batch.files))
    context.worker.wake()
    return batch, fields


def read_options(fields: Mapping[str, Sequence[str]]) -> UploadOptions:
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
    with context.warehouse.read() as connection:
        return batches.find_by_key(connection, key)


def _store(
    context: ServingContext, incoming: IncomingBatch, options: UploadOptions, key: str | None
) -> Batch:
    """Record the batch between its last byte and its place in the drop folder of uploads: a kill in
    between leaves it either unknown and removed, or known and shown by the next start."""
    files = [
        BatchFile(
            incoming.batch_id,
            number,
            file.name,
            file.size_bytes,
            file.content_sha256,
            recording_id_of(file.content_sha256, file.name.encode()),
        )
        for number, file in enumerate(incoming.files)
    ]
    batch = Batch(
        incoming.batch_id,
        datetime.now(UTC),
        options.language,
        options.itn_enabled,
        "\n".join(options.hotwords) or None,
        key,
        files,
    )
    with context.warehouse.read() as connection:
        known = read_known_facts(connection, [file.recording_id for file in files])
    given: dict[str, Any] = {}
    if options.language is not None:
        given["language"] = options.language
    if options.hotwords:
        given["hotwords"] = list(options.hotwords)
    # A sidecar replaces what is known of a recording that comes again.
    incoming.describe([{**known.get(f.recording_id, {}), **given} if given else {} for f in files])
    try:
        with context.warehouse.write() as connection:
            batches.insert_batch(connection, batch)
    except exc.IntegrityError:
        # The same request twice at once: the other one was first.
        if key is None or (first := _find(context, key)) is None:
            raise
        incoming.discard()
        return first
    incoming.show()
    return batch
