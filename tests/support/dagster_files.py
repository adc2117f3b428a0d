"""Dagster's SQLite files, kept open.

Dagster makes an engine for every single connection to one: it opens and closes the file, and
compiles every statement again, which is half of a run over a few calls.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from sqlalchemy import event

_engines: dict[str, sa.Engine] = {}


def keep_files_open() -> None:
    """From now on this process has one engine a file, whose connections stay open.

    Nothing is flushed to the disk: a kill of a process, unlike one of the machine, loses nothing.
    """
    for storage in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        assert hasattr(storage, "create_engine")
        storage.create_engine = _open


def close_files() -> None:
    """Close all of them; they may be opened again."""
    for engine in _engines.values():
        sa.Engine.dispose(engine)
    _engines.clear()


def _open(url: str, **_options: Any) -> sa.Engine:
    if url not in _engines:
        engine = _engines[url] = sa.create_engine(url)
        event.listen(engine, "connect", _do_not_flush)
        engine.dispose = lambda *_, **__: None  # type: ignore[method-assign]
    return _engines[url]


def _do_not_flush(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF").close()
