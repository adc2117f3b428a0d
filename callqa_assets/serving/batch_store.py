"""Batches between their last byte and their place in the drop folder of uploads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import exc

from callqa_assets.warehouse import batches
from callqa_assets.warehouse.batches import Batch, BatchFile
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.recordings import read_known_facts
from resources.storage.archive import recording_id_of
from resources.storage.uploads import IncomingBatch


@dataclass(frozen=True)
class UploadOptions:
    """What a client says of the files it sends."""

    language: str | None = None
    itn_enabled: bool = True
    hotwords: Sequence[str] = ()


def find_batch(warehouse: Warehouse, idempotency_key: str) -> Batch | None:
    with warehouse.read() as connection:
        return batches.find_by_key(connection, idempotency_key)


def store_batch(
    warehouse: Warehouse,
    incoming: IncomingBatch,
    options: UploadOptions,
    *,
    facts: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Batch:
    """Record a batch and show it: a kill in between leaves it either unknown, and removed by the
    next start, or known, and shown by it.

    Returns the earlier batch with this key where there is one; what came now is dropped then, and
    so it is where it cannot be recorded. What is recorded stays, though it cannot be shown now.

    Args:
        facts: Of its files, beside language and hotwords.
    """
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
        idempotency_key,
        files,
    )
    given: dict[str, Any] = dict(facts or {})
    if options.language is not None:
        given["language"] = options.language
    if options.hotwords:
        given["hotwords"] = list(options.hotwords)
    try:
        incoming.describe(_describe_files(warehouse, files, given))
        with warehouse.write() as connection:
            batches.insert_batch(connection, batch)
    except BaseException as error:
        incoming.discard()
        # The same request twice at once: the other one was first.
        if isinstance(error, exc.IntegrityError) and idempotency_key is not None:
            first = find_batch(warehouse, idempotency_key)
            if first is not None:
                return first
        raise
    incoming.show()
    return batch


def _describe_files(
    warehouse: Warehouse, files: Sequence[BatchFile], given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What each file's sidecar says: it replaces what is known of a recording that comes again."""
    if not given:
        return [{} for _ in files]
    with warehouse.read() as connection:
        known = read_known_facts(connection, [file.recording_id for file in files])
    return [{**known.get(file.recording_id, {}), **given} for file in files]
