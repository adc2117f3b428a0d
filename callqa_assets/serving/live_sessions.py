"""Calls that are streamed: who may come, what is recorded, and what becomes of it at the end.

A call is judged when it ends: its recording is a batch of one file then. A connection that breaks
leaves its call open for a while; it goes on where it comes back under the same `call_id`, with
silence for what was not heard.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import exc
from starlette.concurrency import run_in_threadpool

from callqa_assets.domain.live.live_config import LiveConfig, LiveSource
from callqa_assets.serving.batch_store import UploadOptions, store_batch
from callqa_assets.warehouse.database import Warehouse
from resources.live_audio.recording import LiveRecording, StreamedCall, find_cut_off
from resources.storage.home import Home
from resources.storage.uploads import IncomingBatch

_log = logging.getLogger(__name__)

_SYNC_S = 1.0
"""What a kill may cost."""


class TooManySessionsError(Exception):
    """As many calls are streamed as may be."""


@dataclass
class Session:
    """One call."""

    source: LiveSource
    recording: LiveRecording
    call_id: str | None
    last_sync: float
    broken_at: float | None = None
    """When its connection broke; None: it is connected."""
    lost_s: float = 0.0
    """Silence in place of what was not heard."""


@dataclass
class LiveSessions:
    """All sessions of a server; used on its event loop only."""

    config: LiveConfig
    home: Home
    warehouse: Warehouse
    wake: Callable[[], None]
    """A recording is ready to be processed."""
    clock: Callable[[], float] = time.monotonic
    _open: list[Session] = field(default_factory=list[Session])
    _opening: int = 0
    _timers: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def count(self) -> int:
        return len(self._open)

    async def open(self, source: LiveSource, facts: Mapping[str, Any]) -> Session:
        """The session of a call that begins, or comes back. Raises TooManySessionsError."""
        call_id = facts.get("call_id")
        call_id = str(call_id) if call_id else None
        for session in self._open:
            broken_at = session.broken_at
            if broken_at is not None and call_id and session.call_id == call_id:
                session.broken_at = None
                gap_s = self.clock() - broken_at
                session.lost_s += gap_s
                await run_in_threadpool(self._resume, session, gap_s)
                return session
        if self.count + self._opening >= self.config.max_sessions:
            raise TooManySessionsError
        self._opening += 1
        try:
            session = await self._begin(source, facts, call_id)
        finally:
            self._opening -= 1
        self._open.append(session)
        return session

    async def _begin(
        self, source: LiveSource, facts: Mapping[str, Any], call_id: str | None
    ) -> Session:
        session_id = uuid.uuid4().hex
        described = {
            **facts,
            "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "channel_roles": list(source.channel_roles),
            "live_source": source.name,
        }
        recording = await run_in_threadpool(
            LiveRecording,
            self.home.live,
            session_id,
            source.rate_hz,
            len(source.channel_roles),
            described,
        )
        return Session(source, recording, call_id, self.clock())

    def _resume(self, session: Session, gap_s: float) -> None:
        session.recording.write_silence(gap_s)
        session.recording.note("live_gaps_s", round(session.lost_s, 3))

    async def write(self, session: Session, pcm: bytes) -> bool:
        """Record sound; False where the recording is full, and the call has to go on as another."""
        session.recording.write(pcm)
        if self.clock() - session.last_sync >= _SYNC_S:
            session.last_sync = self.clock()
            await run_in_threadpool(session.recording.sync)
        too_long = session.recording.duration_s >= self.config.max_hours * 3600
        return not (too_long or session.recording.is_full)

    async def end(self, session: Session) -> None:
        """The call is over: its recording is to be processed."""
        if session not in self._open:
            return
        self._open.remove(session)
        try:
            await run_in_threadpool(lambda: self._submit(session.recording.finish()))
        except (OSError, exc.SQLAlchemyError) as error:
            # What is synced of it stays, and is taken up by the next start.
            _log.error("a recorded call waits for the next start (%s)", type(error).__name__)

    def broke(self, session: Session) -> None:
        """The connection broke: the call may come back for a while, if it has an id."""
        session.broken_at = self.clock()
        task = asyncio.create_task(self._end_unless_resumed(session, session.broken_at))
        self._timers.add(task)
        task.add_done_callback(self._timers.discard)

    async def _end_unless_resumed(self, session: Session, broken_at: float) -> None:
        await asyncio.sleep(self.config.resume_sec if session.call_id else 0)
        if session.broken_at == broken_at:
            await self.end(session)

    async def stop(self) -> None:
        """The server ends: what was recorded is kept, and processed by its next start."""
        for session in list(self._open):
            session.recording.note("live_cut_off", True)
            await self.end(session)

    def recover(self) -> None:
        """Take up the recordings that a kill cut off."""
        for call in find_cut_off(self.home.live):
            self._submit(call)

    def _submit(self, call: StreamedCall) -> None:
        """Make a batch of the recording. After a kill at any point it is taken up again."""
        if not call.is_empty:
            incoming = IncomingBatch(self.home.uploads, uuid.uuid4().hex)
            incoming.adopt(call.path, _name_of(call))
            store_batch(
                self.warehouse,
                incoming,
                UploadOptions(),
                facts=call.facts,
                idempotency_key=f"live-{call.session_id}",
            )
        call.remove()
        self.wake()


def _name_of(call: StreamedCall) -> str:
    return f"live-{call.facts.get('live_source', 'unknown')}-{call.session_id}.wav"
