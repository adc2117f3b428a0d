"""Batches and calls as JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.serving.errors import BadRequestError
from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse import batches
from callqa_assets.warehouse.batches import Batch, BatchFile
from callqa_assets.warehouse.call_details import read_calls


def describe_batches(
    connection: sa.Connection,
    found: Sequence[Batch],
    *,
    with_results: bool,
    with_words: bool = False,
) -> list[dict[str, Any]]:
    """Batches, each file with its state and, where it is done, its results."""
    ids = {file.recording_id for batch in found for file in batch.files}
    known = batches.read_found(connection, ids)
    ended = batches.read_stage_errors(connection, known)
    done = {
        batches.find_original(known, file.recording_id)
        for batch in found
        for file in batch.files
        if file.status == "done"
    }
    calls: Mapping[str, dict[str, Any]] = {}
    if with_results:
        calls = read_calls(connection, sorted(done), masked=False, with_words=with_words)
    return [_describe(batch, known, ended, calls) for batch in found]


def _describe(
    batch: Batch,
    known: Mapping[str, batches.FoundRecording],
    ended: Mapping[str, Mapping[str, str | None]],
    calls: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    files = [_describe_file(file, batch, known, ended, calls) for file in batch.files]
    failed = sum(file.status == "failed" for file in batch.files)
    status = "queued"
    if batch.is_finished:
        status = "failed" if failed == len(files) else "done"
    elif any(file["status"] != "queued" for file in files):
        status = "processing"
    return {
        "batch_id": batch.batch_id,
        "status": status,
        "status_url": f"/api/batches/{batch.batch_id}",
        "received_at": batch.received_at.isoformat(),
        "language": batch.language,
        "itn_enabled": batch.itn_enabled,
        "hotwords": batch.hotwords.splitlines() if batch.hotwords else [],
        "files": files,
    }


def _describe_file(
    file: BatchFile,
    batch: Batch,
    known: Mapping[str, batches.FoundRecording],
    ended: Mapping[str, Mapping[str, str | None]],
    calls: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    original = batches.find_original(known, file.recording_id)
    stages = len(ended.get(original, {}))
    status: str = file.status
    if status == "queued" and file.recording_id in known:
        status = "processing"
    described: dict[str, Any] = {
        "name": file.name,
        "recording_id": file.recording_id,
        "status": status,
        "duplicate_of": original if original != file.recording_id else None,
    }
    if status == "processing":
        described["stages_done"], described["stages"] = stages, len(STAGE_NAMES)
    if file.reason is not None:
        described["reason"] = file.reason
    if (call := calls.get(original)) is not None and status == "done":
        described |= describe_result(call, itn_enabled=batch.itn_enabled)
    return described


def describe_result(call: Mapping[str, Any], *, itn_enabled: bool) -> dict[str, Any]:
    """What was heard in a call: its text as it was asked for, and both texts by segment."""
    text = "text" if itn_enabled else "text_raw"
    languages = [segment["language"] for segment in call["segments"] if segment["language"]]
    return {
        "duration_s": call["duration_s"],
        "language": max(languages, key=languages.count) if languages else call["language"],
        "text": join_texts([segment[text] for segment in call["segments"]]),
        "text_raw": join_texts([segment["text_raw"] for segment in call["segments"]]),
        "segments": call["segments"],
        "alerts": call["alerts"],
    }


def join_texts(texts: Sequence[str | None]) -> str:
    """Texts of segments as one; a blank between words of Latin letters."""
    joined = ""
    for text in texts:
        if not text:
            continue
        spaced = joined and joined[-1].isascii() and text[0].isascii()
        joined += f" {text}" if spaced else text
    return joined


# Pages --------------------------------------------------------------------------------------


def write_cursor(moment: datetime, name: str) -> str:
    """Where a page ends, as an opaque text for the next one."""
    return base64.urlsafe_b64encode(json.dumps([moment.isoformat(), name]).encode()).decode()


def read_cursor(text: str | None) -> tuple[datetime, str] | None:
    """Raises BadRequestError."""
    if not text:
        return None
    try:
        moment, name = json.loads(base64.urlsafe_b64decode(text.encode()))
        return datetime.fromisoformat(moment), str(name)
    except (ValueError, TypeError, binascii.Error):
        raise BadRequestError("`after` is none of the cursors that were answered") from None
