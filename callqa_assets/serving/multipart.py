"""Forms with files, written to the disk as they arrive: nothing large is kept in memory."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from callqa_assets.serving.errors import BadRequestError
from callqa_assets.serving.settings import Limits
from resources.storage.uploads import IncomingBatch, IncomingFile


async def receive_form(
    request: Request, batch: IncomingBatch, file_field: str, limits: Limits
) -> dict[str, list[str]]:
    """Read the body: files of `file_field` into the batch; returns the other fields.

    Raises BadRequestError.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise BadRequestError(
            f"send a form (multipart/form-data) with the files in `{file_field}`", 415
        )
    form = _Form(batch, file_field, limits)
    parser = MultipartParser(boundary, form.callbacks())  # pyright: ignore[reportArgumentType]
    received = 0
    async for piece in _pieces(request, limits):
        received += len(piece)
        if received > limits.max_request_bytes:
            raise BadRequestError(
                f"more than {limits.max_request_bytes >> 20} MiB in one request: send fewer files",
                413,
            )
        try:
            parser.write(piece)
        except BadRequestError:
            raise
        except Exception as error:
            raise BadRequestError("the form is not well-formed multipart/form-data") from error
    if not form.is_complete:
        raise BadRequestError("the form ends before its last boundary: send it again")
    return dict(form.fields)


async def _pieces(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            piece = await asyncio.wait_for(anext(stream), limits.read_timeout_s)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise BadRequestError(
                f"nothing arrived for {limits.read_timeout_s:g} s: send it again", 408
            ) from None
        except ClientDisconnect:
            raise BadRequestError("the client went away") from None
        if piece:
            yield piece


class _Form:
    """What a multipart parser finds, part by part."""

    def __init__(self, batch: IncomingBatch, file_field: str, limits: Limits) -> None:
        self.fields: defaultdict[str, list[str]] = defaultdict(list)
        self.is_complete = False
        self._batch, self._file_field, self._limits = batch, file_field, limits
        self._header = (b"", b"")
        self._disposition: dict[bytes, bytes] = {}
        self._file: IncomingFile | None = None
        self._text = b""

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._disposition, self._text, self._file = {}, b"", None

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], b"")
        self._bound(len(self._header[0]))

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])
        self._bound(len(self._header[1]))

    def _end_header(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            _, self._disposition = parse_options_header(value)
        self._header = (b"", b"")

    @property
    def _name(self) -> str:
        return self._disposition.get(b"name", b"").decode("utf-8", "replace")

    def _end_headers(self) -> None:
        if b"filename" not in self._disposition:
            return
        if self._name != self._file_field:
            raise BadRequestError(f"files belong in `{self._file_field}`, not in {self._name!r}")
        if len(self._batch.files) == self._limits.max_files:
            raise BadRequestError(
                f"more than {self._limits.max_files} files in one request: send several requests",
                413,
            )
        sent_name = self._disposition[b"filename"].decode("utf-8", "replace")
        self._file = self._batch.begin_file(sent_name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._text += data[start:end]
            self._bound(len(self._text))
            return
        self._file.write(data[start:end])
        if self._file.size_bytes > self._limits.max_file_bytes:
            raise BadRequestError(
                f"{self._file.name} has more than {self._limits.max_file_bytes >> 20} MiB: put it "
                "into the drop folder",
                413,
            )

    def _end_part(self) -> None:
        if self._file is not None:
            self._batch.end_file(self._file)
            self._file = None
        elif len(self.fields) < self._limits.max_files:
            self.fields[self._name].append(self._text.decode("utf-8", "replace"))

    def _end(self) -> None:
        self.is_complete = True

    def _bound(self, size: int) -> None:
        if size > self._limits.max_field_bytes:
            raise BadRequestError("a field of the form is too long", 413)
