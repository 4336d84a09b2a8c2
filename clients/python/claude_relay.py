"""The client of claude-relay, a small secured HTTP API over Claude Code. Standard library only.

``ClaudeRelay`` is for ordinary code, ``AsyncClaudeRelay`` for asyncio; both have ``complete``, ``stream``, ``fetch_page``,
``models`` and ``usage``. Times are in seconds. Every failure of a call is a ``RelayError``; arguments that cannot be sent
are a ``ValueError``.

Repeated, up to ``max_retries`` times: 429, 502, 503, 504, a 409 with the code ``idempotency_in_flight``, and connections
that broke before the answer was there (of a stream: before its first event). The wait is what ``Retry-After`` says, else
0.5 s, 1 s, 2 s ... at most 8 s; no wait begins that would outlast the call's ``timeout``.

Every request has a connection of its own, straight to the relay: proxies of the environment (``HTTPS_PROXY`` and the like)
are not used, and redirects are not followed. Certificates of https addresses are verified.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import itertools
import json
import math
import os
import random
import re
import socket
import ssl
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, Generator, Iterator, List, Literal, Mapping, Optional, Sequence, Tuple, Type, TypeVar

__version__ = "0.1.0"
__all__ = [
    "AsyncClaudeRelay",
    "AsyncCompletionStream",
    "AuthenticationError",
    "BadRequestError",
    "ClaudeRelay",
    "Completion",
    "CompletionEnd",
    "CompletionStream",
    "ConflictError",
    "Effort",
    "Models",
    "Page",
    "PageFormat",
    "PermissionDeniedError",
    "RateLimitError",
    "RelayConnectionError",
    "RelayError",
    "RelayTimeoutError",
    "ServerError",
    "TokenUsage",
]

_DEFAULT_URL = "http://127.0.0.1:8799"
_MAX_BACKOFF = 8.0
_MAX_EVENT_BYTES = 16 * 1024 * 1024
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_READ_BYTES = 64 * 1024
_RETRIED_STATUSES = frozenset({429, 502, 503, 504})
_LINE_END = re.compile(rb"\r\n|\n|\r")

_T = TypeVar("_T")
Effort = Literal["low", "medium", "high", "xhigh", "max"]
PageFormat = Literal["html", "text", "markdown"]


class RelayError(Exception):
    """A failure of a call. This class itself: a status without a class of its own, or an answer that is not a relay's.

    ``code`` is the relay's own, for instance ``rate_limited``; ``http_STATUS`` for an answer that is not the relay's; and of
    this client ``connection_failed``, ``stream_broken``, ``timeout``, ``answer_too_large``.
    ``status`` is the HTTP status, None without an answer and for a failure in the midst of a stream.
    ``request_id`` is what the relay's log calls the request, ``field`` the field of the request that is wrong, and
    ``retry_after`` the seconds after which to ask again; each is None when unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: Optional[int] = None,
        request_id: Optional[str] = None,
        field: Optional[str] = None,
        retry_after: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.field = field
        self.retry_after = retry_after

    def __str__(self) -> str:
        details = [self.code, f"status {self.status}" if self.status else None, self.request_id]
        return f"{self.message} ({', '.join(detail for detail in details if detail)})"


class BadRequestError(RelayError):
    """400, 404, 405, 413, 415, 421, 422: the same request will fail again."""


class AuthenticationError(RelayError):
    """401: no such key."""


class PermissionDeniedError(RelayError):
    """403: the key may not do this."""


class ConflictError(RelayError):
    """409: the idempotency key is in use."""


class RateLimitError(RelayError):
    """429: a limit is reached; see ``retry_after``."""


class ServerError(RelayError):
    """500 and above, and a failure in the midst of a stream (``status`` is None then)."""


class RelayConnectionError(RelayError):
    """There was no answer, or its connection broke."""


class RelayTimeoutError(RelayError):
    """The ``timeout`` of this client has passed."""


_ERROR_CLASSES: Dict[int, Type[RelayError]] = {
    **dict.fromkeys((400, 404, 405, 413, 415, 421, 422), BadRequestError),
    401: AuthenticationError,
    403: PermissionDeniedError,
    409: ConflictError,
    429: RateLimitError,
}


@dataclass(frozen=True)
class TokenUsage:
    """Tokens of an answer, and US dollars by list price (None when unknown, for instance of an answer that was cut)."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    cost_usd: Optional[float]


@dataclass(frozen=True)
class CompletionEnd:
    """What is known when an answer has ended. ``structured_output`` is None without a ``json_schema``."""

    model: str
    duration_ms: int
    stop_reason: Optional[str]
    usage: TokenUsage
    structured_output: Any
    request_id: Optional[str]


@dataclass(frozen=True)
class Completion(CompletionEnd):
    """A whole answer."""

    text: str


@dataclass(frozen=True)
class Page:
    """A page of the public web.

    ``content`` is in the ``format`` that was asked for, and also in ``html``, ``text`` or ``markdown``; the other two are
    None. ``status`` is the page's: a 404 is an answer. ``truncated`` says whether there is more, ``next_offset`` where (in
    Unicode characters; None when there is no more), ``total_chars`` how much there is (None when it was not read to its
    end). ``json_ld`` is as it was in the page; what is not valid JSON is a string, and ``json_ld_omitted`` counts what was
    left out. ``redirects`` are dicts of ``url`` and ``status``. ``bytes`` is how much of the page was read, uncompressed.

    ``pages`` counts the pages of a PDF (None for other documents). ``open_graph`` are dicts of ``name`` (without ``og:``) and
    ``content``. ``needs_javascript`` says whether the page seems to show its content only once its scripts have run; then
    ``needs_javascript_reason`` is ``noscript``, ``empty_root`` or ``no_text``, and ``data`` has the JSON that it carries for
    them, as dicts of ``id`` and ``content``. ``refresh_url`` is where a browser would go on after more than a second.
    """

    content: str
    html: Optional[str]
    text: Optional[str]
    markdown: Optional[str]
    status: int
    final_url: str
    truncated: bool
    content_type: Optional[str]
    charset: Optional[str]
    title: Optional[str]
    description: Optional[str]
    language: Optional[str]
    canonical: Optional[str]
    json_ld: List[Any]
    json_ld_omitted: int
    redirects: List[Dict[str, Any]]
    total_chars: Optional[int]
    next_offset: Optional[int]
    bytes: int
    duration_ms: int
    request_id: Optional[str]
    pages: Optional[int] = None
    open_graph: List[Dict[str, str]] = field(default_factory=list)
    needs_javascript: bool = False
    needs_javascript_reason: Optional[str] = None
    data: List[Dict[str, Any]] = field(default_factory=list)
    refresh_url: Optional[str] = None


@dataclass(frozen=True)
class Models:
    """The names a request may use, and the one of requests that name none."""

    default: Optional[str]
    models: List[str]


class _Secret:
    """A key that no repr, traceback with variables or dump of an object's fields shows."""

    __slots__ = ("reveal",)

    def __init__(self, value: str) -> None:
        self.reveal: Callable[[], str] = lambda: value

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True)
class _Request:
    """One call over all its tries; ``deadline`` (of time.monotonic()) is None for a stream, which is limited by silence."""

    method: str
    path: str
    body: Optional[bytes]
    idempotency_key: Optional[str]
    timeout: float
    deadline: Optional[float]

    @property
    def broken_code(self) -> str:
        """What it is called when the connection breaks in the midst of the answer."""
        return "stream_broken" if self.deadline is None else "connection_failed"

    def limit(self) -> float:
        """How many seconds the next wait for the network may take."""
        if self.deadline is None:
            return self.timeout
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise _timed_out()
        return remaining


@dataclass(frozen=True)
class _Head:
    """The beginning of an answer."""

    status: int
    headers: http.client.HTTPMessage

    @property
    def request_id(self) -> Optional[str]:
        return self.headers.get("X-Request-Id")


class _Client:
    """What both clients have in common: everything but the network."""

    def __init__(
        self,
        url: Optional[str] = None,
        key: Optional[str] = None,
        *,
        timeout: float = 150.0,
        max_retries: int = 2,
        max_retry_wait: float = 60.0,
        ssl_context: Optional[ssl.SSLContext] = None,
    ) -> None:
        """Takes what is not given from ``CLAUDE_RELAY_URL`` and ``CLAUDE_RELAY_KEY``; a ValueError when there is no key.

        ``timeout`` is for a whole call with its retries, and for each silence in a stream. A ``Retry-After`` of more than
        ``max_retry_wait`` ends the call at once. ``ssl_context`` is for a certificate authority of your own.
        """
        url = url if url is not None else os.environ.get("CLAUDE_RELAY_URL") or _DEFAULT_URL
        # No part of it is shown: there may be a password in it.
        if not re.fullmatch(r"https?://[!-~]+", url, re.IGNORECASE) or re.search(r"[?#@]", url):
            raise ValueError("'url' (or CLAUDE_RELAY_URL) is an http or https address without user, query and fragment.")
        self.url = url.rstrip("/")
        parts = urllib.parse.urlsplit(self.url)
        if not parts.hostname:
            raise ValueError("'url' (or CLAUDE_RELAY_URL) has no host.")
        self._host = parts.hostname
        self._host_header = parts.netloc
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._path = parts.path
        self._ssl = (ssl_context or ssl.create_default_context()) if parts.scheme == "https" else None

        key = key if key is not None else os.environ.get("CLAUDE_RELAY_KEY")
        if not key:
            raise ValueError("There is no key: pass 'key', or set the environment variable CLAUDE_RELAY_KEY.")
        # Or else http.client would refuse the header, and show it.
        if not re.fullmatch(r"[!-~]+", key):
            raise ValueError("The key (CLAUDE_RELAY_KEY) is of visible ASCII characters; is there a space or a line break in it?")
        self._key = _Secret(key)

        if max_retries < 0 or not max_retry_wait >= 0:
            raise ValueError("'max_retries' and 'max_retry_wait' are not negative.")
        self._timeout = _checked_timeout(timeout)
        self._max_retries = max_retries
        self._max_retry_wait = max_retry_wait

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self.url!r}, key={self._key!r})"

    def _request(
        self, method: str, path: str, body: Optional[Mapping[str, Any]], idempotency_key: Optional[str], timeout: Optional[float], is_stream: bool = False
    ) -> _Request:
        timeout = self._timeout if timeout is None else _checked_timeout(timeout)
        if body is not None:
            idempotency_key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
            if not re.fullmatch(r"[!-~]+", idempotency_key):
                raise ValueError("'idempotency_key' is of visible ASCII characters.")
        return _Request(
            method,
            path,
            None if body is None else json.dumps({name: value for name, value in body.items() if value is not None}).encode(),
            idempotency_key,
            timeout,
            None if is_stream else time.monotonic() + timeout,
        )

    def _headers(self, request: _Request) -> Dict[str, str]:
        headers = {
            "Host": self._host_header,
            "Authorization": f"Bearer {self._key.reveal()}",
            "Accept": "application/json, text/event-stream",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": f"claude-relay-python/{__version__}",
        }
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(len(request.body))
            headers["Idempotency-Key"] = str(request.idempotency_key)
        if request.deadline is not None:
            # Rounded up to tenths of a second, so that it is never 0, which would mean nothing.
            headers["Request-Timeout"] = f"{math.ceil(request.limit() * 10) / 10:.1f}"
        return headers

    def _wait_after(self, error: RelayError, retries: int, request: _Request) -> float:
        """How many seconds to wait before the next try; raises the error when there is none to come."""
        is_transient = (
            isinstance(error, RelayConnectionError)
            or error.status in _RETRIED_STATUSES
            or (error.status == 409 and error.code == "idempotency_in_flight")
        )
        if retries >= self._max_retries or not is_transient:
            raise error
        if error.retry_after is None:
            # Up to a quarter off at random, so that those who failed together do not come back together.
            wait = min(0.5 * 2**retries, _MAX_BACKOFF) * (1 - random.random() / 4)
        elif error.retry_after <= self._max_retry_wait:
            wait = float(error.retry_after)
        else:
            raise error
        if request.deadline is not None and time.monotonic() + wait >= request.deadline:
            raise error
        return wait

    def _answer(self, head: _Head, body: bytes) -> Dict[str, Any]:
        """The JSON object of a success; raises the failure that there is instead."""
        if not 200 <= head.status < 300:
            retry_after = head.headers.get("Retry-After") or ""
            seconds = int(retry_after) if re.fullmatch(r"[0-9]{1,9}", retry_after) else None
            raise self._failure(body.decode(errors="replace"), head.status, head.request_id, seconds)
        answer = _json_object(body.decode(errors="replace"))
        if answer is None or answer.get("ok") is not True:
            raise _not_the_relay(head, "is not the JSON object of a success")
        return answer

    def _failure(self, text: str, status: Optional[int], request_id: Optional[str], retry_after: Optional[int] = None) -> RelayError:
        """The error that a failure's body describes, as far as it does."""
        # A broken proxy may echo what it was sent, and errors get logged.
        failure = _json_object(text.replace(self._key.reveal(), "***")) or {}
        described = failure.get("error")
        request_id = failure.get("request_id") or request_id
        # Without a status: in the midst of a stream, after its request was accepted.
        error_class = ServerError if status is None or status >= 500 else _ERROR_CLASSES.get(status, RelayError)
        if isinstance(described, dict) and isinstance(described.get("code"), str):
            return error_class(
                str(described.get("message")),
                code=described["code"],
                status=status,
                request_id=request_id,
                field=described.get("field"),
                retry_after=retry_after,
            )
        if status is None:
            return RelayConnectionError("The stream ended with a failure that is not described.", code="stream_broken", request_id=request_id)
        message = f"The answer has the status {status}, and no description of the failure."
        return error_class(message, code=f"http_{status}", status=status, request_id=request_id, retry_after=retry_after)



class _EventParser:
    """Reads server-sent events out of bytes that come in any pieces."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._held = 0
        self._kind = ""
        self._data: List[str] = []
        self._is_after_cr = False
        self._is_first_line = True

    def feed(self, chunk: bytes) -> List[Tuple[str, str]]:
        """The events that these bytes complete, as (kind, data)."""
        events = []
        start = 1 if self._is_after_cr and chunk.startswith(b"\n") else 0
        self._is_after_cr = chunk.endswith(b"\r")
        for line_end in _LINE_END.finditer(chunk, start):
            self._hold(chunk[start : line_end.start()])
            start = line_end.end()
            event = self._end_line()
            if event is not None:
                events.append(event)
        self._hold(chunk[start:])
        return events

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > _MAX_EVENT_BYTES:
            raise RelayError("An event of the stream is larger than 16 MB.", code="answer_too_large")
        self._line += part

    def _end_line(self) -> Optional[Tuple[str, str]]:
        length = len(self._line)
        line = self._line.decode(errors="replace")
        self._line = bytearray()
        if self._is_first_line:
            self._is_first_line = False
            line = line[1:] if line.startswith("\ufeff") else line
        if not line:
            event = (self._kind, "\n".join(self._data)) if self._data else None
            self._kind = ""
            self._data = []
            self._held = 0
            return event
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "data":
            self._data.append(value)
            return None
        # Only data is kept; a stream of nothing but comments may go on for ever.
        self._held -= length
        if field == "event":
            self._kind = value
        return None


class _Events:
    """An answer that comes as a stream, without the network that it comes through."""

    def __init__(self, client: _Client, head: _Head) -> None:
        # An answer that is no stream must not pass for one that broke: that would be asked for, and paid, again.
        if not re.match(r"text/event-stream\b", head.headers.get("Content-Type") or "", re.IGNORECASE):
            raise _not_the_relay(head, "is not a stream of events")
        self._client = client
        self._request_id = head.request_id
        self._parser = _EventParser()
        self._ready: List[Tuple[str, str]] = []
        self.end: Optional[CompletionEnd] = None

    def feed(self, chunk: bytes) -> bool:
        """Takes the next bytes, none for the end of the stream; whether there is an event in them."""
        if not chunk:
            # What is left without a blank line at its end may be half of an event, and is none.
            raise self._broken("The stream ended without its 'done' event.")
        self._ready = self._parser.feed(chunk)
        return bool(self._ready)

    def texts(self) -> Iterator[str]:
        """The texts of the bytes taken last; sets ``end`` when no more will come."""
        for kind, data in self._ready:
            if kind == "error":
                raise self._client._failure(data, None, self._request_id)
            if kind not in ("delta", "done"):
                # `start`, and what later versions may add, is not for the reader of the text.
                continue
            event = _json_object(data)
            if event is None:
                raise self._broken("An event of the stream is not a JSON object.")
            if kind == "done":
                self.end = CompletionEnd(**_end_fields(event, self._request_id))
                return
            yield event.get("text", "")

    def _broken(self, message: str) -> RelayConnectionError:
        return RelayConnectionError(message, code="stream_broken", request_id=self._request_id)


class _TimedSocket(io.RawIOBase):
    """What http.client needs of a socket, with a time limit that is asked for anew at every wait.

    The socket's own timeout would begin again with every byte of a slow answer.
    """

    def __init__(self, sock: socket.socket, limit: Callable[[], float]) -> None:
        self._sock = sock
        self._limit = limit

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._limit())
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._limit())
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        """Nothing: http.client closes its connection while the answer is still to be read. Who opened the socket closes it."""


class _Exchange:
    """A request and its answer, in a connection of their own."""

    def __init__(self, client: _Client, request: _Request) -> None:
        self._broken_code = request.broken_code
        with _network("connection_failed"):
            self._sock = socket.create_connection((client._host, client._port), request.limit())
            try:
                if client._ssl is not None:
                    self._sock.settimeout(request.limit())
                    self._sock = client._ssl.wrap_socket(self._sock, server_hostname=client._host)
                connection = http.client.HTTPConnection(client._host)
                connection.sock = _TimedSocket(self._sock, request.limit)  # type: ignore[assignment]
                # Who refuses a large body answers before having read it; who does not answer is noticed when reading.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(request.method, client._path + request.path, request.body, client._headers(request))
                self._response = connection.getresponse()
            except BaseException:
                self._sock.close()
                raise
        self.head = _Head(self._response.status, self._response.headers)

    def read(self) -> bytes:
        """The next bytes of the answer as soon as there are some; none at its end."""
        with _network(self._broken_code):
            chunk = self._response.read1(_READ_BYTES)
            if not chunk and self._response.length:
                raise EOFError("the answer is shorter than announced")
        return chunk

    def body(self) -> bytes:
        """All of the answer."""
        body = bytearray()
        while True:
            chunk = self.read()
            if not chunk:
                return bytes(body)
            _append(body, chunk)

    def close(self) -> None:
        self._response.close()
        self._sock.close()


class _AsyncExchange:
    """As _Exchange, for asyncio."""

    def __init__(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._limit = request.limit
        self._broken_code = request.broken_code
        self._reader = reader
        # Kept, for a writer that nobody has closes its connection.
        self._writer = writer
        self._is_expired = False
        self._is_chunked = False
        # Bytes that are left, of the chunk or else of the answer; None when the answer ends with its connection.
        self._left: Optional[int] = 0
        # Until the answer begins: as after `100 Continue`.
        self.head = _Head(100, http.client.HTTPMessage())

    @classmethod
    async def open(cls, client: _Client, request: _Request) -> _AsyncExchange:
        reader, writer = await _connect(client, request)
        exchange = cls(request, reader, writer)
        try:
            with exchange._limited("connection_failed"):
                lines = [f"{request.method} {client._path}{request.path} HTTP/1.1"]
                lines += [f"{name}: {value}" for name, value in client._headers(request).items()]
                # Not awaited: who refuses a large body answers before having read it.
                writer.write("\r\n".join([*lines, "", ""]).encode("ascii") + (request.body or b""))
                await exchange._read_head()
        except BaseException:
            exchange.close()
            raise
        return exchange

    async def _read_head(self) -> None:
        while 100 <= self.head.status < 200:
            line, _, fields = (await self._reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
            match = re.match(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: |$)", line)
            if match is None:
                raise http.client.HTTPException("the answer is not HTTP/1.1")
            self.head = _Head(int(match[1]), http.client.parse_headers(io.BytesIO(fields)))
        length = self.head.headers.get("Content-Length")
        self._is_chunked = (self.head.headers.get("Transfer-Encoding") or "").lower() == "chunked"
        if self.head.status in (204, 304):
            self._left = 0
        elif not self._is_chunked:
            self._left = int(length) if length is not None and re.fullmatch("[0-9]{1,18}", length) else None

    async def read(self) -> bytes:
        """The next bytes of the answer as soon as there are some; none at its end."""
        with self._limited(self._broken_code):
            if self._is_chunked and self._left == 0:
                await self._begin_chunk()
            chunk = b"" if self._left == 0 else await self._reader.read(min(self._left or _READ_BYTES, _READ_BYTES))
            if self._left is not None:
                if not chunk and self._left:
                    raise EOFError("the answer is shorter than announced")
                self._left -= len(chunk)
        return chunk

    async def _begin_chunk(self) -> None:
        line = await self._reader.readuntil(b"\r\n")
        if line == b"\r\n":
            # The end of the chunk before.
            line = await self._reader.readuntil(b"\r\n")
        match = re.match(rb"([0-9a-fA-F]{1,8})[;\r\t ]", line)
        if match is None:
            raise http.client.HTTPException("a chunk of the answer has no size")
        self._left = int(match[1], 16)

    async def body(self) -> bytes:
        """All of the answer."""
        body = bytearray()
        while True:
            chunk = await self.read()
            if not chunk:
                return bytes(body)
            _append(body, chunk)

    def close(self) -> None:
        self._writer.transport.abort()

    @contextlib.contextmanager
    def _limited(self, code: str) -> Generator[None, None, None]:
        """Breaks the connection when what is awaited inside takes too long.

        asyncio.timeout() would need Python 3.11, and before 3.12 asyncio.wait_for() may lose a cancellation.
        """
        timer = asyncio.get_running_loop().call_later(self._limit(), self._expire)
        try:
            with _network(code):
                yield
        except RelayConnectionError as error:
            if self._is_expired:
                raise _timed_out() from error
            raise
        finally:
            timer.cancel()
        if self._is_expired:
            raise _timed_out()

    def _expire(self) -> None:
        self._is_expired = True
        self._writer.transport.abort()


async def _connect(client: _Client, request: _Request) -> Tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    name = client._host if client._ssl is not None else None
    connecting = asyncio.ensure_future(asyncio.open_connection(client._host, client._port, ssl=client._ssl, server_hostname=name))
    try:
        done, _ = await asyncio.wait({connecting}, timeout=request.limit())
        if not done:
            raise _timed_out()
        with _network("connection_failed"):
            return connecting.result()
    except BaseException:
        # It may be connected by now, with nobody to close it.
        connecting.cancel()
        connecting.add_done_callback(_abandon)
        raise


def _abandon(connecting: asyncio.Future[Tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result()[1].transport.abort()


class CompletionStream:
    """The texts of an answer as they come, for ``for``. It is asked for when the loop begins, and can be read once.

    Leaving the loop ends the connection at once where objects without references are freed at once (CPython);
    ``with relay.stream(...) as stream`` and ``close()`` do so everywhere. The loop raises what ``complete()`` would raise,
    and a RelayConnectionError with the code ``stream_broken`` when the stream has no proper end.
    """

    def __init__(self, client: ClaudeRelay, request: _Request) -> None:
        self._client = client
        self._request = request
        self._is_read = False
        self._exchange: Optional[_Exchange] = None
        self._final: Optional[CompletionEnd] = None

    @property
    def final(self) -> CompletionEnd:
        """What is known when the answer has ended; a RuntimeError before the loop has come to its end."""
        return _final(self._final)

    def __iter__(self) -> Iterator[str]:
        if self._is_read:
            raise RuntimeError("A stream can be read once.")
        self._is_read = True
        return self._texts()

    def _texts(self) -> Iterator[str]:
        self._exchange, events = self._client._retrying(self._request, self._client._open_stream)
        try:
            while True:
                yield from events.texts()
                if events.end is not None:
                    self._final = events.end
                    return
                events.feed(self._exchange.read())
        finally:
            self._exchange.close()

    def close(self) -> None:
        """Ends the connection."""
        if self._exchange is not None:
            self._exchange.close()

    def __enter__(self) -> CompletionStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncCompletionStream:
    """As CompletionStream, for ``async for``, ``async with`` and ``await stream.aclose()``.

    A task that is cancelled in the loop ends the connection at once.
    """

    def __init__(self, client: AsyncClaudeRelay, request: _Request) -> None:
        self._client = client
        self._request = request
        self._is_read = False
        self._exchange: Optional[_AsyncExchange] = None
        self._final: Optional[CompletionEnd] = None

    @property
    def final(self) -> CompletionEnd:
        """What is known when the answer has ended; a RuntimeError before the loop has come to its end."""
        return _final(self._final)

    def __aiter__(self) -> AsyncIterator[str]:
        if self._is_read:
            raise RuntimeError("A stream can be read once.")
        self._is_read = True
        return self._texts()

    async def _texts(self) -> AsyncIterator[str]:
        self._exchange, events = await self._client._retrying(self._request, self._client._open_stream)
        try:
            while True:
                for text in events.texts():
                    yield text
                if events.end is not None:
                    self._final = events.end
                    return
                events.feed(await self._exchange.read())
        finally:
            self._exchange.close()

    async def aclose(self) -> None:
        """Ends the connection."""
        if self._exchange is not None:
            self._exchange.close()

    async def __aenter__(self) -> AsyncCompletionStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class ClaudeRelay(_Client):
    """A client for ordinary code. It keeps no connection, and may be used by many threads at the same time.

    Connecting to a host of several addresses may take the time limit for each of them.
    """

    def complete(
        self,
        prompt: Optional[str] = None,
        *,
        messages: Optional[Sequence[Mapping[str, Any]]] = None,
        system: Optional[str] = None,
        model: Optional[str] = None,
        max_tokens: Optional[int] = None,
        effort: Optional[Effort] = None,
        json_schema: Optional[Mapping[str, Any]] = None,
        stop: Optional[Sequence[str]] = None,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Completion:
        """Asks, and waits for the whole answer.

        Either ``prompt`` or ``messages``: dicts of ``role`` (``user`` or ``assistant``) and ``content``, which is a text or a
        list of ``{"type": "text", "text": ...}`` and ``{"type": "image", "media_type": "image/png", "data": <Base64>}``.
        With ``json_schema`` the answer is also in ``structured_output``. ``idempotency_key`` is the same for calls that are
        the same: a random one when missing, kept for the call's retries.
        """
        body = _completion_body(prompt, messages, system, model, max_tokens, effort, json_schema, stop, output_format="json")
        return _completion(*self._call(self._request("POST", "/v1/complete", body, idempotency_key, timeout)))

    def stream(
        self,
        prompt: Optional[str] = None,
        *,
        messages: Optional[Sequence[Mapping[str, Any]]] = None,
        system: Optional[str] = None,
        model: Optional[str] = None,
        max_tokens: Optional[int] = None,
        effort: Optional[Effort] = None,
        json_schema: Optional[Mapping[str, Any]] = None,
        stop: Optional[Sequence[str]] = None,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> CompletionStream:
        """Asks, and gives the answer's texts as they come; arguments as of ``complete()``."""
        body = _completion_body(prompt, messages, system, model, max_tokens, effort, json_schema, stop, stream=True)
        return CompletionStream(self, self._request("POST", "/v1/complete", body, idempotency_key, timeout, is_stream=True))

    def fetch_page(
        self,
        url: str,
        *,
        max_bytes: Optional[int] = None,
        strip: Optional[bool] = None,
        format: Optional[PageFormat] = None,
        offset: Optional[int] = None,
        accept_language: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Page:
        """Reads a page of the public web through the relay.

        ``max_bytes`` is the most content of the answer in UTF-8 bytes, ``offset`` the ``next_offset`` of the answer before,
        ``strip`` whether HTML comes without scripts, styles and their like.
        """
        body = _page_body(url, max_bytes, strip, format, offset, accept_language)
        return _page(*self._call(self._request("POST", "/v1/fetch", body, idempotency_key, timeout)))

    def models(self, *, timeout: Optional[float] = None) -> Models:
        """The models that may be named."""
        return _models(*self._call(self._request("GET", "/v1/models", None, None, timeout)))

    def usage(self, *, days: Optional[int] = None, timeout: Optional[float] = None) -> Dict[str, Any]:
        """What this key used in the last ``days`` (7 when missing), and what is left of its limits, as the relay says it."""
        return self._call(self._request("GET", _usage_path(days), None, None, timeout))[0]

    def _call(self, request: _Request) -> Tuple[Dict[str, Any], Optional[str]]:
        """The JSON object of the answer, and the request's id."""
        return self._retrying(request, self._try_call)

    def _try_call(self, request: _Request) -> Tuple[Dict[str, Any], Optional[str]]:
        with contextlib.closing(_Exchange(self, request)) as exchange:
            return self._answer(exchange.head, exchange.body()), exchange.head.request_id

    def _open_stream(self, request: _Request) -> Tuple[_Exchange, _Events]:
        """A stream with its first event."""
        exchange = _Exchange(self, request)
        try:
            if exchange.head.status != 200:
                self._answer(exchange.head, exchange.body())
            events = _Events(self, exchange.head)
            while not events.feed(exchange.read()):
                pass
            return exchange, events
        except BaseException:
            exchange.close()
            raise

    def _retrying(self, request: _Request, attempt: Callable[[_Request], _T]) -> _T:
        for retries in itertools.count():
            try:
                return attempt(request)
            except RelayError as error:
                wait = self._wait_after(error, retries, request)
            time.sleep(wait)
        raise AssertionError("itertools.count() ends never.")


class AsyncClaudeRelay(_Client):
    """As ClaudeRelay, for asyncio: its methods are awaited. A task that is cancelled ends its connection at once."""

    async def complete(
        self,
        prompt: Optional[str] = None,
        *,
        messages: Optional[Sequence[Mapping[str, Any]]] = None,
        system: Optional[str] = None,
        model: Optional[str] = None,
        max_tokens: Optional[int] = None,
        effort: Optional[Effort] = None,
        json_schema: Optional[Mapping[str, Any]] = None,
        stop: Optional[Sequence[str]] = None,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Completion:
        """As ``ClaudeRelay.complete()``."""
        body = _completion_body(prompt, messages, system, model, max_tokens, effort, json_schema, stop, output_format="json")
        return _completion(*await self._call(self._request("POST", "/v1/complete", body, idempotency_key, timeout)))

    def stream(
        self,
        prompt: Optional[str] = None,
        *,
        messages: Optional[Sequence[Mapping[str, Any]]] = None,
        system: Optional[str] = None,
        model: Optional[str] = None,
        max_tokens: Optional[int] = None,
        effort: Optional[Effort] = None,
        json_schema: Optional[Mapping[str, Any]] = None,
        stop: Optional[Sequence[str]] = None,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> AsyncCompletionStream:
        """As ``ClaudeRelay.stream()``; it is not awaited itself."""
        body = _completion_body(prompt, messages, system, model, max_tokens, effort, json_schema, stop, stream=True)
        return AsyncCompletionStream(self, self._request("POST", "/v1/complete", body, idempotency_key, timeout, is_stream=True))

    async def fetch_page(
        self,
        url: str,
        *,
        max_bytes: Optional[int] = None,
        strip: Optional[bool] = None,
        format: Optional[PageFormat] = None,
        offset: Optional[int] = None,
        accept_language: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Page:
        """As ``ClaudeRelay.fetch_page()``."""
        body = _page_body(url, max_bytes, strip, format, offset, accept_language)
        return _page(*await self._call(self._request("POST", "/v1/fetch", body, idempotency_key, timeout)))

    async def models(self, *, timeout: Optional[float] = None) -> Models:
        """As ``ClaudeRelay.models()``."""
        return _models(*await self._call(self._request("GET", "/v1/models", None, None, timeout)))

    async def usage(self, *, days: Optional[int] = None, timeout: Optional[float] = None) -> Dict[str, Any]:
        """As ``ClaudeRelay.usage()``."""
        return (await self._call(self._request("GET", _usage_path(days), None, None, timeout)))[0]

    async def _call(self, request: _Request) -> Tuple[Dict[str, Any], Optional[str]]:
        return await self._retrying(request, self._try_call)

    async def _try_call(self, request: _Request) -> Tuple[Dict[str, Any], Optional[str]]:
        with contextlib.closing(await _AsyncExchange.open(self, request)) as exchange:
            return self._answer(exchange.head, await exchange.body()), exchange.head.request_id

    async def _open_stream(self, request: _Request) -> Tuple[_AsyncExchange, _Events]:
        exchange = await _AsyncExchange.open(self, request)
        try:
            if exchange.head.status != 200:
                self._answer(exchange.head, await exchange.body())
            events = _Events(self, exchange.head)
            while not events.feed(await exchange.read()):
                pass
            return exchange, events
        except BaseException:
            exchange.close()
            raise

    async def _retrying(self, request: _Request, attempt: Callable[[_Request], Awaitable[_T]]) -> _T:
        for retries in itertools.count():
            try:
                return await attempt(request)
            except RelayError as error:
                wait = self._wait_after(error, retries, request)
            await asyncio.sleep(wait)
        raise AssertionError("itertools.count() ends never.")


@contextlib.contextmanager
def _network(code: str) -> Generator[None, None, None]:
    """Says in this module's words what fails in the network."""
    try:
        yield
    except (OSError, EOFError, http.client.HTTPException, asyncio.LimitOverrunError) as error:
        # With a number it is the system's own ETIMEDOUT, and not our time limit.
        if isinstance(error, socket.timeout) and error.errno is None:
            raise _timed_out() from error
        raise RelayConnectionError(f"The connection to the relay failed: {error or type(error).__name__}", code=code) from error


def _timed_out() -> RelayTimeoutError:
    return RelayTimeoutError("The time limit of this client has passed.", code="timeout")


def _not_the_relay(head: _Head, what: str) -> RelayError:
    message = f"The answer has the status {head.status}, but {what}: is this the address of a relay?"
    return RelayError(message, code=f"http_{head.status}", status=head.status, request_id=head.request_id)


def _append(body: bytearray, chunk: bytes) -> None:
    if len(body) + len(chunk) > _MAX_ANSWER_BYTES:
        raise RelayError("The answer is larger than 64 MB.", code="answer_too_large")
    body += chunk


def _json_object(text: str) -> Optional[Dict[str, Any]]:
    """The object that a text is in JSON, or None: every caller has an error of its own for it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _checked_timeout(timeout: float) -> float:
    if not 0 < timeout < math.inf:
        raise ValueError("'timeout' is a number of seconds above 0.")
    return timeout


def _final(end: Optional[CompletionEnd]) -> CompletionEnd:
    if end is None:
        raise RuntimeError("The stream has not come to its end.")
    return end


def _completion_body(
    prompt: Optional[str],
    messages: Optional[Sequence[Mapping[str, Any]]],
    system: Optional[str],
    model: Optional[str],
    max_tokens: Optional[int],
    effort: Optional[str],
    json_schema: Optional[Mapping[str, Any]],
    stop: Optional[Sequence[str]],
    **layout: Any,
) -> Dict[str, Any]:
    return {
        "prompt": prompt,
        "messages": messages,
        "system": system,
        "model": model,
        "max_tokens": max_tokens,
        "effort": effort,
        "json_schema": json_schema,
        "stop": stop,
        **layout,
    }


def _page_body(
    url: str, max_bytes: Optional[int], strip: Optional[bool], format: Optional[str], offset: Optional[int], accept_language: Optional[str]
) -> Dict[str, Any]:
    return {"url": url, "max_bytes": max_bytes, "strip": strip, "format": format, "offset": offset, "accept_language": accept_language}


def _usage_path(days: Optional[int]) -> str:
    return "/v1/usage" if days is None else f"/v1/usage?days={int(days)}"


def _end_fields(answer: Mapping[str, Any], request_id: Optional[str]) -> Dict[str, Any]:
    usage = answer.get("usage") or {}
    return {
        "model": answer.get("model"),
        "duration_ms": answer.get("duration_ms"),
        "stop_reason": answer.get("stop_reason"),
        "usage": TokenUsage(
            input_tokens=usage.get("input_tokens", 0),
            output_tokens=usage.get("output_tokens", 0),
            cache_creation_input_tokens=usage.get("cache_creation_input_tokens", 0),
            cache_read_input_tokens=usage.get("cache_read_input_tokens", 0),
            cost_usd=usage.get("cost_usd"),
        ),
        "structured_output": answer.get("structured_output"),
        "request_id": request_id,
    }


def _completion(answer: Mapping[str, Any], request_id: Optional[str]) -> Completion:
    return Completion(text=answer.get("result", ""), **_end_fields(answer, request_id))


def _page(answer: Mapping[str, Any], request_id: Optional[str]) -> Page:
    return Page(
        content=next((answer[name] for name in ("html", "text", "markdown") if name in answer), ""),
        html=answer.get("html"),
        text=answer.get("text"),
        markdown=answer.get("markdown"),
        status=answer.get("status", 0),
        final_url=answer.get("final_url", ""),
        truncated=answer.get("truncated", False),
        content_type=answer.get("content_type"),
        charset=answer.get("charset"),
        title=answer.get("title"),
        description=answer.get("description"),
        language=answer.get("language"),
        canonical=answer.get("canonical"),
        json_ld=answer.get("json_ld", []),
        json_ld_omitted=answer.get("json_ld_omitted", 0),
        redirects=answer.get("redirects", []),
        total_chars=answer.get("total_chars"),
        next_offset=answer.get("next_offset"),
        bytes=answer.get("bytes", 0),
        duration_ms=answer.get("duration_ms", 0),
        request_id=request_id,
        pages=answer.get("pages"),
        open_graph=answer.get("open_graph", []),
        needs_javascript=answer.get("needs_javascript", False),
        needs_javascript_reason=answer.get("needs_javascript_reason"),
        data=answer.get("data", []),
        refresh_url=answer.get("refresh_url"),
    )


def _models(answer: Mapping[str, Any], _: Optional[str]) -> Models:
    return Models(default=answer.get("default"), models=list(answer.get("models", [])))
