# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/2: many streams over one connection, strict about what a GOAWAY promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from _traffic.wire import Answer, Connection, Lost, Refused, Request

_FRAME_HEADER = 9
_GOAWAY = 7
_REFUSED_STREAM = 7
_CANCEL = 8
_MOST_STREAMS = 100
_WINDOW = 1 << 24


@dataclass
class _Stream:
    waiter: asyncio.Future[Answer]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: list[bytes] = field(default_factory=list)


class Http2Connection(Connection):
    """GOAWAY is read here and kept from h2, which would take no further frame after it: streams
    up to its last id are still being answered then."""

    capacity = _MOST_STREAMS

    def __init__(self, authority: str, scheme: str, on_end: Callable[[str], None]) -> None:
        super().__init__(on_end)
        self._pseudo = [(":authority", authority), (":scheme", scheme)]
        self._streams: dict[int, _Stream] = {}
        self._buffer = bytearray()
        self._window_opened = asyncio.Event()
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self._h2 = h2.connection.H2Connection(config)
        self._h2.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
            },
        )

    async def exchange(self, request: Request) -> Answer:
        self.requests += 1
        stream_id = self._h2.get_next_available_stream_id()
        stream = _Stream(asyncio.get_running_loop().create_future())
        self._streams[stream_id] = stream
        headers = [(":method", request.method), (":path", request.path), *self._pseudo]
        headers += [(name.lower(), value) for name, value in request.headers.items()]
        try:
            self._h2.send_headers(stream_id, headers, end_stream=not request.body)
            self._flush()
            await self._send_body(stream_id, stream, request.body)
            return await stream.waiter
        except asyncio.CancelledError:
            self._cancel(stream_id)
            raise
        except h2.exceptions.ProtocolError as exc:
            raise Lost("broken_answer", str(exc)) from exc
        finally:
            self._streams.pop(stream_id, None)
            self._close_when_drained()

    async def _send_body(self, stream_id: int, stream: _Stream, body: bytes) -> None:
        while body and not stream.waiter.done():
            room = min(
                self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size
            )
            if room <= 0:
                self._window_opened.clear()
                await self._window_opened.wait()
                continue
            self._h2.send_data(stream_id, body[:room], end_stream=len(body) <= room)
            body = body[room:]
            self._flush()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        start = position = 0
        while len(self._buffer) - position >= _FRAME_HEADER:
            end = position + _FRAME_HEADER + int.from_bytes(self._buffer[position : position + 3])
            if end > len(self._buffer):
                break
            if self._buffer[position + 3] == _GOAWAY:
                self._feed(bytes(self._buffer[start:position]))
                self._goaway(bytes(self._buffer[position + _FRAME_HEADER : end]))
                start = end
            position = end
        self._feed(bytes(self._buffer[start:position]))
        del self._buffer[:position]

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        for stream in list(self._streams.values()):
            if not stream.waiter.done():
                stream.waiter.set_exception(self._loss(exc, partial=bool(stream.status)))
                self.end("loss")
        self._window_opened.set()
        self.end("reset" if isinstance(exc, ConnectionResetError) else "fin")

    # ours

    def _feed(self, data: bytes) -> None:
        if not data:
            return
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except h2.exceptions.ProtocolError as exc:
            for stream in self._streams.values():
                if not stream.waiter.done():
                    stream.waiter.set_exception(Lost("broken_answer", str(exc)))
            self._flush()
            self.abort()
            return
        self._flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.capacity = min(self._h2.remote_settings.max_concurrent_streams, _MOST_STREAMS)
            self._window_opened.set()
            return
        if isinstance(event, h2.events.WindowUpdated):
            self._window_opened.set()
            return
        if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
            # Also for streams given up already: their bytes count against the connection's window.
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None or stream.waiter.done():
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = {str(name): str(value) for name, value in event.headers}
            stream.status = int(stream.headers[":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.body.append(event.data)
        elif isinstance(event, h2.events.StreamEnded):
            stream.waiter.set_result(Answer(stream.status, stream.headers, b"".join(stream.body)))
        elif isinstance(event, h2.events.StreamReset):
            if event.error_code == _REFUSED_STREAM:
                stream.waiter.set_exception(Refused("RST_STREAM: REFUSED_STREAM"))
            else:
                stream.waiter.set_exception(Lost("stream_reset", f"error {event.error_code}"))

    def _goaway(self, payload: bytes) -> None:
        last_processed = int.from_bytes(payload[:4]) & 0x7FFFFFFF
        self.end("goaway")
        for stream_id, stream in self._streams.items():
            if stream_id > last_processed and not stream.waiter.done():
                stream.waiter.set_exception(Refused(f"GOAWAY: last stream {last_processed}"))
        self._close_when_drained()

    def _cancel(self, stream_id: int) -> None:
        try:
            self._h2.reset_stream(stream_id, error_code=_CANCEL)
        except h2.exceptions.ProtocolError:
            return  # the stream or the connection is closed already
        self._flush()

    def _close_when_drained(self) -> None:
        if self.ended and not self._streams and self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._write(data)
