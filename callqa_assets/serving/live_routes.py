"""Streams of calls over WebSockets: `/live/fork/SOURCE`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from callqa_assets.domain.live.events import Audio, Ended, Event, Started
from callqa_assets.domain.live.fork import ForkStream
from callqa_assets.domain.live.live_config import LiveSource
from callqa_assets.serving.context import ServingContext
from callqa_assets.serving.live_sessions import LiveSessions, Session, TooManySessionsError

_DRACHTIO = "audio.drachtio.org"
"""Sub-protocol of mod_audio_fork."""
_NORMAL, _GOING_AWAY, _CANNOT, _TRY_LATER, _UNKNOWN_SOURCE = 1000, 1001, 1011, 1013, 4404

_log = logging.getLogger(__name__)


async def fork(websocket: WebSocket) -> None:
    """Record a call that FreeSWITCH forks."""
    context: ServingContext = websocket.app.state.context
    live = context.live
    source = live.config.find(websocket.path_params["source"]) if live else None
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol=_DRACHTIO if _DRACHTIO in offered else None)
    if live is None or source is None:
        await websocket.close(_UNKNOWN_SOURCE, "no such source in configs/live.yaml")
        return
    call = _Call(live, ForkStream(len(source.channel_roles)))
    try:
        while not call.is_over:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1006))
            for event in call.receive(message):
                await call.handle(event, source)
        await websocket.close(_NORMAL)
    except TooManySessionsError:
        await websocket.close(_TRY_LATER, "as many calls are streamed as may be")
    except WebSocketDisconnect as gone:
        if call.session is None:
            return
        if gone.code in (_NORMAL, _GOING_AWAY):
            await live.end(call.session)
        else:
            live.broke(call.session)
    except OSError as error:
        _log.error("a call cannot be recorded (%s): make room on the disk", error.strerror)
        if call.session is not None:
            live.broke(call.session)
        await websocket.close(_CANNOT)


class _Call:
    """One connection and the session it belongs to."""

    def __init__(self, live: LiveSessions, stream: ForkStream) -> None:
        self._live, self._stream = live, stream
        self.session: Session | None = None
        self.is_over = False

    def receive(self, message: Mapping[str, object]) -> Iterator[Event]:
        data, text = message.get("bytes"), message.get("text")
        if isinstance(data, bytes):
            yield from self._stream.receive_bytes(data)
        elif isinstance(text, str):
            yield from self._stream.receive_text(text)

    async def handle(self, event: Event, source: LiveSource) -> None:
        if isinstance(event, Started):
            self.session = await self._live.open(source, event.facts)
        elif isinstance(event, Audio) and self.session is not None:
            if not await self._live.write(self.session, event.pcm):
                facts = self.session.recording.facts
                await self._live.end(self.session)
                self.session = await self._live.open(source, facts)
        elif isinstance(event, Ended) and self.session is not None:
            self.is_over = True
            await self._live.end(self.session)


ROUTES: list[BaseRoute] = [WebSocketRoute("/live/fork/{source}", fork)]
