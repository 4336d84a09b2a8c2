"""Tests of both clients against a server on a socket that says exactly what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import pickle
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
import unittest
from typing import Any, Callable, Dict, List, Optional
from unittest import mock

import claude_relay
from claude_relay import (
    AsyncClaudeRelay,
    AuthenticationError,
    BadRequestError,
    ClaudeRelay,
    Completion,
    CompletionEnd,
    ConflictError,
    Models,
    PermissionDeniedError,
    RateLimitError,
    RelayConnectionError,
    RelayError,
    RelayTimeoutError,
    ServerError,
    TokenUsage,
)

KEY = "clk_test_5ecret"
USAGE = {"input_tokens": 3, "output_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 7, "cost_usd": 0.25}
ANSWER = {"ok": True, "model": "opus", "duration_ms": 1900, "result": "Paris", "stop_reason": "end_turn", "usage": USAGE}
DONE = {"model": "opus", "duration_ms": 12, "usage": USAGE, "stop_reason": "end_turn"}
END = CompletionEnd("opus", 12, "end_turn", TokenUsage(**USAGE), None, "req_header")


@dataclasses.dataclass
class Received:
    """What the server was sent."""

    line: str
    headers: Dict[str, str]
    body: Any


class Connection:
    """A connection to the server after its request was read."""

    def __init__(self, sock: socket.socket, request: Received) -> None:
        self.request = request
        self._sock = sock

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def was_closed(self) -> bool:
        """Whether the client closes its side within two seconds."""
        self._sock.settimeout(2)
        try:
            return self._sock.recv(1) == b""
        except ConnectionError:
            return True
        except socket.timeout:
            return False

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self._sock.close()


Answer = Callable[[Connection], None]


class Server:
    """Answers each request with the next of ``answers``, the last of which answers all that follow."""

    def __init__(self) -> None:
        self.answers: List[Answer] = []
        self.requests: List[Received] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                # close() was called.
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as file:
            line = file.readline().decode().strip()
            headers: Dict[str, str] = {}
            for field in iter(lambda: file.readline().decode().strip(), ""):
                name, _, value = field.partition(": ")
                headers[name.lower()] = value
            body = file.read(int(headers.get("content-length", "0")))
            request = Received(line, headers, json.loads(body) if body else None)
            self.requests.append(request)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            # A client that has left is what many tests are about.
            with contextlib.suppress(ConnectionError):
                answer(Connection(sock, request))


def http(status: int, body: bytes, content_type: str = "application/json", headers: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status} Whatever\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"X-Request-Id: req_header\r\n{headers}\r\n"
    ).encode() + body


def answer(status: int, body: Any, headers: str = "") -> Answer:
    return lambda connection: connection.send(http(status, json.dumps(body).encode(), headers=headers))


def failure(status: int, code: str, headers: str = "") -> Answer:
    return answer(status, {"ok": False, "error": {"code": code, "message": f"It is {code}."}, "request_id": "req_body"}, headers)


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nX-Request-Id: req_header\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def stream(data: bytes) -> Answer:
    return lambda connection: connection.send(STREAM + (chunk(data) if data else b"") + b"0\r\n\r\n")


def event(kind: str, data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def reset_after(data: bytes) -> Answer:
    def answered(connection: Connection) -> None:
        connection.send(data)
        # What was sent must be read before the reset discards it.
        time.sleep(0.05)
        connection.reset()

    return answered


class BothClients:
    """The tests that both clients pass; ``run_call`` and ``run_stream`` hide which it is."""

    client_class: Any

    def run_call(self, client: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def run_stream(self, client: Any, *args: Any, texts: Optional[List[str]] = None, **kwargs: Any) -> Any:
        """Reads a stream into ``texts``, and gives its end."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.server = Server()
        self.waits: List[float] = []
        self.enterPatch(mock.patch.dict(os.environ))
        for name in ("CLAUDE_RELAY_URL", "CLAUDE_RELAY_KEY"):
            os.environ.pop(name, None)

    def tearDown(self) -> None:
        self.server.close()

    def enterPatch(self, patch: Any) -> Any:
        self.addCleanup(patch.stop)
        return patch.start()

    def skip_waits(self) -> None:
        """Waits between tries pass at once, and are noted."""
        raise NotImplementedError

    def client(self, **kwargs: Any) -> Any:
        return self.client_class(**{"url": self.server.url, "key": KEY, **kwargs})

    def failure_of(self, action: Callable[[], Any]) -> RelayError:
        with self.assertRaises(RelayError) as caught:
            action()
        return caught.exception

    def test_completes_a_prompt(self) -> None:
        self.server.answers = [answer(200, {**ANSWER, "structured_output": {"cityName": 1}})]
        messages = [{"role": "user", "content": [{"type": "image", "media_type": "image/png", "data": "AAAA"}]}]
        schema = {"type": "object", "required": None}
        result = self.run_call(self.client(), "complete", messages=messages, max_tokens=9, json_schema=schema, effort="low", stop=["x"], system="é")
        usage = TokenUsage(input_tokens=3, output_tokens=5, cache_creation_input_tokens=0, cache_read_input_tokens=7, cost_usd=0.25)
        expected = Completion(
            text="Paris", model="opus", duration_ms=1900, stop_reason="end_turn", usage=usage, structured_output={"cityName": 1}, request_id="req_header"
        )
        self.assertEqual(expected, result)

        [request] = self.server.requests
        self.assertEqual("POST /v1/complete HTTP/1.1", request.line)
        self.assertEqual(f"Bearer {KEY}", request.headers["authorization"])
        self.assertEqual("application/json", request.headers["content-type"])
        self.assertEqual("150.0", request.headers["request-timeout"])
        self.assertEqual(self.server.url[len("http://") :], request.headers["host"])
        self.assertRegex(request.headers["idempotency-key"], "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        body = {"messages": messages, "max_tokens": 9, "json_schema": schema, "effort": "low", "stop": ["x"], "system": "é", "output_format": "json"}
        self.assertEqual(body, request.body)

    def test_a_text_is_a_prompt(self) -> None:
        self.server.answers = [answer(200, ANSWER)]
        self.run_call(self.client(), "complete", "Hi")
        self.assertEqual({"prompt": "Hi", "output_format": "json"}, self.server.requests[0].body)

    def test_reads_a_page_the_models_and_the_usage(self) -> None:
        page = {"ok": True, "status": 404, "final_url": "u", "truncated": True, "markdown": "# Hi", "json_ld": [{"a": 1}], "next_offset": 4}
        data = [{"id": "a", "content": {"b": 1}}]
        page.update(pages=2, open_graph=[{"name": "type", "content": "x"}], needs_javascript=True, needs_javascript_reason="noscript", data=data, refresh_url="v")
        usage = {"ok": True, "key": "app", "limits": []}
        self.server.answers = [answer(200, page), answer(200, {"ok": True, "default": None, "models": ["opus"]}), answer(200, usage)]
        client = self.client()
        result = self.run_call(client, "fetch_page", "u", max_bytes=10, strip=False, format="markdown", offset=0, accept_language="de")
        self.assertEqual(("# Hi", "# Hi", None, 404, [{"a": 1}], 4), (result.content, result.markdown, result.html, result.status, result.json_ld, result.next_offset))
        self.assertEqual((2, [{"name": "type", "content": "x"}], True, "noscript"), (result.pages, result.open_graph, result.needs_javascript, result.needs_javascript_reason))
        self.assertEqual((data, "v"), (result.data, result.refresh_url))
        self.assertEqual(Models(None, ["opus"]), self.run_call(client, "models"))
        self.assertEqual(usage, self.run_call(client, "usage", days=3))

        lines = ["POST /v1/fetch HTTP/1.1", "GET /v1/models HTTP/1.1", "GET /v1/usage?days=3 HTTP/1.1"]
        self.assertEqual(lines, [request.line for request in self.server.requests])
        body = {"url": "u", "max_bytes": 10, "strip": False, "format": "markdown", "offset": 0, "accept_language": "de"}
        self.assertEqual(body, self.server.requests[0].body)
        self.assertIn("idempotency-key", self.server.requests[0].headers)
        self.assertNotIn("idempotency-key", self.server.requests[1].headers)

    def test_streams_texts_and_then_the_end(self) -> None:
        body = event("start", {"request_id": "r"}) + event("delta", {"text": "Par"}) + b": still here\n\n" + event("delta", {"text": "is"})
        self.server.answers = [stream(body + event("done", DONE))]
        texts: List[str] = []
        self.assertEqual(END, self.run_stream(self.client(), "Hi", max_tokens=5, texts=texts))
        self.assertEqual(["Par", "is"], texts)
        [request] = self.server.requests
        self.assertEqual({"prompt": "Hi", "max_tokens": 5, "stream": True}, request.body)
        self.assertNotIn("request-timeout", request.headers)
        self.assertIn("idempotency-key", request.headers)

    def test_a_stream_may_come_byte_by_byte_and_with_any_framing(self) -> None:
        body = 'event: delta\ndata: {"text": "a é 😀"}\n\n'.encode() + event("done", DONE)
        plain = STREAM.replace(b"Transfer-Encoding: chunked\r\n", b"")
        for data in (
            STREAM + b"".join(chunk(body[i : i + 1]) for i in range(len(body))) + b"0\r\n\r\n",
            STREAM + b"%x;name=value\r\n%s\r\n0\r\nTrailer: 1\r\n\r\n" % (len(body), body),
            plain + body,
            plain.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body)) + body,
            b"HTTP/1.1 100 Continue\r\n\r\n" + plain + body,
        ):
            self.server.answers = [lambda connection, data=data: connection.send(data)]
            texts: List[str] = []
            self.assertEqual(END, self.run_stream(self.client(max_retries=0), "Hi", texts=texts))
            self.assertEqual(["a é 😀"], texts)

    def test_a_last_event_without_a_blank_line_is_none(self) -> None:
        self.server.answers = [stream(event("delta", {"text": "a"}) + event("done", DONE)[:-1])]
        texts: List[str] = []
        error = self.failure_of(lambda: self.run_stream(self.client(), "Hi", texts=texts))
        self.assertEqual((RelayConnectionError, "stream_broken", "req_header", ["a"]), (type(error), error.code, error.request_id, texts))
        self.assertEqual(1, len(self.server.requests))

    def test_every_status_has_its_error(self) -> None:
        classes: Dict[int, Any] = {status: BadRequestError for status in (400, 404, 405, 413, 415, 421, 422)}
        classes.update({401: AuthenticationError, 403: PermissionDeniedError, 409: ConflictError, 429: RateLimitError, 499: RelayError, 302: RelayError})
        classes.update({status: ServerError for status in (500, 502, 503, 504)})
        client = self.client(max_retries=0)
        for status, error_class in classes.items():
            body = {"ok": False, "error": {"code": "c", "message": "M.", "field": "prompt"}, "request_id": "req_body"}
            self.server.answers = [answer(status, body, "Retry-After: 7\r\nLocation: /v1/models\r\n")]
            for call in (lambda: self.run_call(client, "complete", "Hi"), lambda: self.run_stream(client, "Hi")):
                error = self.failure_of(call)
                self.assertIs(error_class, type(error), status)
                self.assertEqual((status, "c", "M.", "prompt", "req_body", 7), (error.status, error.code, error.message, error.field, error.request_id, error.retry_after))
                self.assertEqual(f"M. (c, status {status}, req_body)", str(error))
        self.assertEqual(2 * len(classes), len(self.server.requests))

    def test_what_is_not_a_relays_answer_has_the_status_as_its_code(self) -> None:
        html = b"<html>Bad gateway</html>"
        self.server.answers = [lambda connection: connection.send(http(502, html, "text/html", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n"))]
        error = self.failure_of(lambda: self.run_call(self.client(max_retries=0), "complete", "Hi"))
        self.assertEqual((ServerError, "http_502", 502, "req_header", None), (type(error), error.code, error.status, error.request_id, error.retry_after))

        self.server.requests.clear()
        for body in (html, b"[]", b"null", b'{"ok":false}', b"[" * 100_000):
            self.server.answers = [lambda connection, body=body: connection.send(http(200, body))]
            self.assertEqual("http_200", self.failure_of(lambda: self.run_call(self.client(), "complete", "Hi")).code)
            # Not asked for again, for it has cost what it costs.
            self.assertEqual("http_200", self.failure_of(lambda: self.run_stream(self.client(), "Hi")).code)
        self.assertEqual(10, len(self.server.requests))

    def test_repeats_what_may_succeed_with_the_same_idempotency_key(self) -> None:
        self.skip_waits()
        for status, code in ((429, "rate_limited"), (502, "upstream_error"), (503, "overloaded"), (504, "timeout"), (409, "idempotency_in_flight")):
            self.server.requests.clear()
            self.waits.clear()
            self.server.answers = [failure(status, code), failure(status, code, "Retry-After: 3\r\n"), answer(200, ANSWER)]
            self.assertEqual("Paris", self.run_call(self.client(), "complete", "Hi").text, code)
            self.assertEqual(3, len(self.server.requests))
            self.assertEqual(1, len({request.headers["idempotency-key"] for request in self.server.requests}))
            self.assertTrue(0.375 <= self.waits[0] <= 0.5, self.waits)
            self.assertEqual(3, self.waits[1])
        self.run_call(self.client(), "complete", "Hi")
        self.run_call(self.client(), "complete", "Hi", idempotency_key="mine")
        keys = [request.headers["idempotency-key"] for request in self.server.requests[2:]]
        self.assertNotEqual(keys[0], keys[1])
        self.assertEqual("mine", keys[2])

    def test_waits_double_up_to_eight_seconds_and_tries_come_to_an_end(self) -> None:
        self.skip_waits()
        self.server.answers = [failure(503, "overloaded")]
        with mock.patch("random.random", return_value=0):
            self.assertEqual("overloaded", self.failure_of(lambda: self.run_call(self.client(max_retries=6), "complete", "Hi")).code)
        self.assertEqual([0.5, 1, 2, 4, 8, 8], self.waits)
        self.assertEqual(7, len(self.server.requests))

    def test_does_not_repeat_other_failures_nor_wait_too_long(self) -> None:
        self.skip_waits()
        for given, kwargs in (
            (failure(400, "invalid_request"), {}),
            (failure(409, "idempotency_mismatch"), {}),
            (failure(500, "internal"), {}),
            (failure(429, "daily_limit", "Retry-After: 61\r\n"), {}),
            (failure(429, "rate_limited", "Retry-After: 2\r\n"), {"max_retry_wait": 1.9}),
            (failure(429, "rate_limited", "Retry-After: 200\r\n"), {"max_retry_wait": 1000}),
        ):
            self.server.requests.clear()
            self.server.answers = [given]
            self.failure_of(lambda: self.run_call(self.client(**kwargs), "complete", "Hi"))
            self.assertEqual(1, len(self.server.requests))
        self.assertEqual([], self.waits)

    def test_tries_again_when_the_connection_breaks_before_the_answer_is_there(self) -> None:
        self.skip_waits()
        cut = Connection.reset
        half = http(200, b"x" * 100)[:-50]
        for broken in (cut, lambda connection: None, lambda connection: connection.send(half), lambda connection: connection.send(STREAM + b"5\r\n{")):
            self.server.answers = [broken, broken, answer(200, ANSWER)]
            self.assertEqual("Paris", self.run_call(self.client(), "complete", "Hi").text)
        for broken in (cut, lambda connection: connection.send(b"SSH-2.0\r\n\r\n"), lambda connection: connection.send(STREAM + b"x\r\n")):
            self.server.requests.clear()
            self.server.answers = [broken]
            error = self.failure_of(lambda: self.run_call(self.client(), "models"))
            self.assertEqual((RelayConnectionError, "connection_failed", None, 3), (type(error), error.code, error.status, len(self.server.requests)))
            self.assertIsNotNone(error.__cause__)

        self.waits.clear()
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        error = self.failure_of(lambda: self.run_call(self.client(url=f"http://127.0.0.1:{port}"), "models"))
        self.assertEqual((RelayConnectionError, 2), (type(error), len(self.waits)))

    def test_repeats_a_stream_before_its_first_event_and_never_after_it(self) -> None:
        self.skip_waits()
        whole = stream(event("delta", {"text": "a"}) + event("done", DONE))
        unborn = reset_after(STREAM + chunk(b": comment\n\nevent: start\n"))
        self.server.answers = [failure(503, "overloaded"), unborn, whole]
        self.assertEqual(END, self.run_stream(self.client(), "Hi"))
        self.assertEqual(3, len(self.server.requests))
        self.assertEqual(1, len({request.headers["idempotency-key"] for request in self.server.requests}))
        self.server.answers = [stream(b": comment\n\n"), whole]
        self.assertEqual(END, self.run_stream(self.client(), "Hi"))

        for broken in (
            reset_after(STREAM + chunk(event("start", {}))),
            lambda connection: connection.send(STREAM + chunk(event("start", {}))),
            stream(event("start", {})),
            stream(b"event: delta\ndata: no JSON\n\n"),
            stream(b'event: error\ndata: {"ok":false}\n\n'),
        ):
            self.server.requests.clear()
            self.server.answers = [broken]
            error = self.failure_of(lambda: self.run_stream(self.client(), "Hi"))
            self.assertEqual((RelayConnectionError, "stream_broken", 1), (type(error), error.code, len(self.server.requests)))

    def test_raises_a_failure_in_the_midst_of_a_stream(self) -> None:
        error_event = event("error", {"ok": False, "error": {"code": "upstream_error", "message": "Gone."}, "request_id": "req_9"})
        self.server.answers = [stream(event("delta", {"text": "a"}) + error_event)]
        error = self.failure_of(lambda: self.run_stream(self.client(), "Hi"))
        self.assertEqual((ServerError, "upstream_error", "Gone.", "req_9", None), (type(error), error.code, error.message, error.request_id, error.status))
        self.assertEqual(1, len(self.server.requests))

    def test_ends_a_call_that_takes_too_long(self) -> None:
        closed: List[bool] = []

        def drip(connection: Connection) -> None:
            # Every byte is in time, and the whole is not.
            with contextlib.suppress(ConnectionError):
                for byte in http(200, json.dumps(ANSWER).encode()):
                    connection.send(bytes([byte]))
                    time.sleep(0.01)
            closed.append(connection.was_closed())

        for given in (lambda connection: closed.append(connection.was_closed()), drip):
            closed.clear()
            self.server.answers = [given]
            start = time.monotonic()
            error = self.failure_of(lambda: self.run_call(self.client(), "complete", "Hi", timeout=0.15))
            self.assertEqual((RelayTimeoutError, "timeout"), (type(error), error.code))
            self.assertLess(time.monotonic() - start, 1)
            self.wait_until(lambda: closed == [True])
        self.assertEqual("0.2", self.server.requests[0].headers["request-timeout"])

    def test_a_stream_may_be_silent_for_the_time_limit(self) -> None:
        closed: List[bool] = []

        def beat(connection: Connection) -> None:
            connection.send(STREAM + chunk(event("delta", {"text": "a"})))
            for _ in range(5):
                time.sleep(0.06)
                connection.send(chunk(b":\n"))
            closed.append(connection.was_closed())

        self.server.answers = [beat]
        texts: List[str] = []
        start = time.monotonic()
        error = self.failure_of(lambda: self.run_stream(self.client(timeout=0.15), "Hi", texts=texts))
        self.assertEqual((RelayTimeoutError, ["a"]), (type(error), texts))
        took = time.monotonic() - start
        self.assertTrue(0.4 < took < 1.4, took)
        self.wait_until(lambda: closed == [True])

    def test_reads_a_refusal_of_a_body_that_was_not_read(self) -> None:
        refusal = http(413, json.dumps({"ok": False, "error": {"code": "too_large", "message": "M."}}).encode())
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def refuse() -> None:
                sock, _ = listener.accept()
                with sock:
                    sock.recv(1000)
                    sock.sendall(refusal)
                    sock.shutdown(socket.SHUT_WR)
                    time.sleep(0.1)

            thread = threading.Thread(target=refuse)
            thread.start()
            client = self.client(url=f"http://127.0.0.1:{listener.getsockname()[1]}", max_retries=0)
            error = self.failure_of(lambda: self.run_call(client, "complete", "x" * 20_000_000))
            thread.join()
        self.assertEqual((BadRequestError, "too_large"), (type(error), error.code))

    def test_an_answer_that_is_too_large_is_an_error(self) -> None:
        self.server.answers = [answer(200, ANSWER)]
        with mock.patch("claude_relay._MAX_ANSWER_BYTES", 50):
            self.assertEqual("answer_too_large", self.failure_of(lambda: self.run_call(self.client(), "complete", "Hi")).code)
        self.assertEqual(1, len(self.server.requests))

    def test_settings_come_from_the_arguments_or_else_from_the_environment(self) -> None:
        with self.assertRaisesRegex(ValueError, "CLAUDE_RELAY_KEY"):
            self.client_class()
        os.environ["CLAUDE_RELAY_KEY"] = KEY
        self.assertEqual("http://127.0.0.1:8799", self.client_class().url)
        os.environ["CLAUDE_RELAY_URL"] = f"{self.server.url}/prefix/"
        os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = "http://127.0.0.1:1"
        self.server.answers = [answer(200, {"ok": True, "default": None, "models": []})]
        self.run_call(self.client_class(), "models")
        self.run_call(self.client_class(url=f"{self.server.url}//", key="other"), "models")
        expected = [("GET /prefix/v1/models HTTP/1.1", f"Bearer {KEY}"), ("GET /v1/models HTTP/1.1", "Bearer other")]
        self.assertEqual(expected, [(request.line, request.headers["authorization"]) for request in self.server.requests])

    def test_refuses_wrong_settings_and_arguments(self) -> None:
        wrong: List[Dict[str, Any]] = [{"url": url} for url in ("127.0.0.1:8799", "ftp://x", "http://user:pass@x", "http://x?a", "http://:1", "http://x:y", "http://é")]
        wrong += [{"timeout": 0}, {"timeout": float("inf")}, {"timeout": float("nan")}, {"max_retries": -1}, {"max_retry_wait": -1}]
        for kwargs in wrong:
            with self.assertRaises(ValueError, msg=str(kwargs)) as caught:
                self.client(**kwargs)
            self.assertNotIn("pass@", str(caught.exception))
        for kwargs in ({"timeout": -1}, {"idempotency_key": "a\nb"}):
            with self.assertRaises(ValueError):
                self.run_call(self.client(), "complete", "Hi", **kwargs)
        self.assertEqual([], self.server.requests)

    def test_https_is_verified(self) -> None:
        client = self.client(url=self.server.url.replace("http:", "https:"), max_retries=0)
        self.assertEqual((ssl.CERT_REQUIRED, True), (client._ssl.verify_mode, client._ssl.check_hostname))
        # The server does not speak TLS, and is told nothing without it.
        self.server.answers = [lambda connection: None]
        with mock.patch.object(Server, "_serve", lambda _, sock: sock.close()):
            error = self.failure_of(lambda: self.run_call(client, "models"))
        self.assertEqual("connection_failed", error.code)
        self.assertEqual([], self.server.requests)
        own = ssl.create_default_context()
        self.assertIs(own, self.client(url="https://relay.example", ssl_context=own)._ssl)

    def test_the_key_is_shown_nowhere(self) -> None:
        self.skip_waits()
        client = self.client()
        self.assertEqual(f"{self.client_class.__name__}(url='{self.server.url}', key=***)", repr(client))
        shown = [repr(client), str(client), f"{client}", repr(vars(client)), repr(client.stream("Hi")), repr(vars(client.stream("Hi")))]

        def echo(connection: Connection) -> None:
            message = f"You sent {connection.request.headers['authorization']}"
            answer(400, {"ok": False, "error": {"code": "x", "message": message}})(connection)

        def echo_event(connection: Connection) -> None:
            stream(event("error", {"error": {"code": "x", "message": connection.request.headers["authorization"]}}))(connection)

        errors: List[BaseException] = []
        for given, call in (
            (echo, lambda: self.run_call(client, "complete", "Hi")),
            (echo_event, lambda: self.run_stream(client, "Hi")),
            (Connection.reset, lambda: self.run_call(client, "models")),
        ):
            self.server.answers = [given]
            errors.append(self.failure_of(call))
        self.assertEqual("You sent Bearer ***", errors[0].args[0])
        for key in (f"{KEY} ", f"{KEY}\n", f"{KEY}é"):
            with self.assertRaises(ValueError) as caught:
                self.client(key=key)
            errors.append(caught.exception)
        for error in errors:
            shown += [str(error), repr(error), repr(vars(error)), *traceback.format_exception(type(error), error, error.__traceback__)]
        for text in shown:
            self.assertNotIn("5ecret", text)
        with self.assertRaises((pickle.PicklingError, AttributeError, TypeError)):
            pickle.dumps(client)

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        end = time.monotonic() + 2
        while not is_true() and time.monotonic() < end:
            time.sleep(0.005)
        self.assertTrue(is_true())

    def open_stream(self, closed: List[bool]) -> Answer:
        """A stream that is not ended by the server; notes when the client ends it."""

        def answered(connection: Connection) -> None:
            connection.send(STREAM + chunk(event("delta", {"text": "a"})))
            closed.append(connection.was_closed())

        return answered


class ClaudeRelayTests(BothClients, unittest.TestCase):
    client_class = ClaudeRelay

    def run_call(self, client: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(client, method)(*args, **kwargs)

    def run_stream(self, client: Any, *args: Any, texts: Optional[List[str]] = None, **kwargs: Any) -> Any:
        stream = client.stream(*args, **kwargs)
        for text in stream:
            if texts is not None:
                texts.append(text)
        return stream.final

    def skip_waits(self) -> None:
        sleep = time.sleep

        def skip(seconds: float) -> None:
            # The server's own waits are shorter than any wait between tries.
            if seconds < 0.3:
                sleep(seconds)
            else:
                self.waits.append(seconds)

        self.enterPatch(mock.patch("time.sleep", skip))

    def test_leaving_a_stream_ends_its_connection(self) -> None:
        closed: List[bool] = []
        self.server.answers = [self.open_stream(closed)]

        held = self.client().stream("Hi")
        for _ in held:
            break
        self.wait_until(lambda: closed == [True])
        with self.assertRaises(RuntimeError):
            held.final
        with self.assertRaises(RuntimeError):
            iter(held)

        with self.assertRaises(KeyError):
            for _ in self.client().stream("Hi"):
                raise KeyError
        self.wait_until(lambda: closed == [True] * 2)

        with self.client().stream("Hi") as stream:
            texts = iter(stream)
            next(texts)
        self.wait_until(lambda: closed == [True] * 3)
        self.assertEqual("stream_broken", self.failure_of(lambda: next(texts)).code)


class AsyncClaudeRelayTests(BothClients, unittest.TestCase):
    client_class = AsyncClaudeRelay

    def run_call(self, client: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return asyncio.run(getattr(client, method)(*args, **kwargs))

    def run_stream(self, client: Any, *args: Any, texts: Optional[List[str]] = None, **kwargs: Any) -> Any:
        async def read() -> Any:
            stream = client.stream(*args, **kwargs)
            async for text in stream:
                if texts is not None:
                    texts.append(text)
            return stream.final

        return asyncio.run(read())

    def skip_waits(self) -> None:
        async def skip(seconds: float) -> None:
            self.waits.append(seconds)

        self.enterPatch(mock.patch("asyncio.sleep", skip))

    async def until(self, is_true: Callable[[], bool]) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.wait_until, is_true)

    def test_cancelling_ends_the_connection(self) -> None:
        closed: List[bool] = []
        silent: Answer = lambda connection: closed.append(connection.was_closed())
        client = self.client()

        async def read() -> None:
            async for _ in client.stream("Hi"):
                pass

        async def main() -> None:
            for given, call in ((silent, lambda: client.complete("Hi")), (silent, read), (self.open_stream(closed), read)):
                closed.clear()
                self.server.requests.clear()
                self.server.answers = [given]
                task = asyncio.ensure_future(call())
                await self.until(lambda: len(self.server.requests) == 1)
                await asyncio.sleep(0.02)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                await self.until(lambda: closed == [True])

        asyncio.run(main())

    def test_cancelling_ends_a_wait_between_tries(self) -> None:
        self.server.answers = [failure(429, "rate_limited", "Retry-After: 50\r\n")]

        async def main() -> None:
            task = asyncio.ensure_future(self.client().complete("Hi"))
            await self.until(lambda: len(self.server.requests) == 1)
            await asyncio.sleep(0.03)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        self.assertEqual(1, len(self.server.requests))

    def test_leaving_a_stream_ends_its_connection(self) -> None:
        closed: List[bool] = []
        self.server.answers = [self.open_stream(closed)]

        async def main() -> None:
            held = self.client().stream("Hi")
            async for _ in held:
                break
            await self.until(lambda: closed == [True])
            with self.assertRaises(RuntimeError):
                held.final
            with self.assertRaises(RuntimeError):
                held.__aiter__()

            with self.assertRaises(KeyError):
                async for _ in self.client().stream("Hi"):
                    raise KeyError
            await self.until(lambda: closed == [True] * 2)

            async with self.client().stream("Hi") as stream:
                texts = stream.__aiter__()
                await texts.__anext__()
            await self.until(lambda: closed == [True] * 3)
            with self.assertRaises(RelayConnectionError):
                await texts.__anext__()

        asyncio.run(main())

    def test_calls_run_at_the_same_time(self) -> None:
        barrier = threading.Barrier(5, timeout=5)

        def together(connection: Connection) -> None:
            barrier.wait()
            answer(200, ANSWER)(connection)

        self.server.answers = [together]

        async def main() -> List[Completion]:
            client = self.client()
            return await asyncio.gather(*(client.complete("Hi") for _ in range(5)))

        self.assertEqual(["Paris"] * 5, [completion.text for completion in asyncio.run(main())])


class EventParserTests(unittest.TestCase):
    TEXT = (
        "\ufeff: hello\r\n\r\nevent: delta\r\ndata: {\"text\":\r\ndata:\"a é € 😀\"}\r\nid: 7\r\n\r\n"
        "event: unknown\ndata: {}\n\ndata:  two spaces\n\nevent: delta\n\nevent: delta\rdata\rdata:\ufeff\r\revent: done\ndata: last\n\nevent: half\ndata: half\n"
    )
    EVENTS = [
        ("delta", '{"text":\n"a é € 😀"}'),
        ("unknown", "{}"),
        ("", " two spaces"),
        ("delta", "\n\ufeff"),
        ("done", "last"),
    ]

    def parsed(self, *chunks: bytes) -> List[Any]:
        parser = claude_relay._EventParser()
        return [event for piece in chunks for event in parser.feed(piece)]

    def test_events_are_the_same_wherever_their_bytes_are_split(self) -> None:
        data = self.TEXT.encode()
        for i in range(len(data) + 1):
            self.assertEqual(self.EVENTS, self.parsed(data[:i], data[i:]), i)
        self.assertEqual(self.EVENTS, self.parsed(*(data[i : i + 1] for i in range(len(data)))))

    def test_an_event_of_more_than_16_mb_is_an_error(self) -> None:
        megabyte = b"a" * 1024 * 1024
        for chunks in ([b"data: ", *[megabyte] * 17], [b"data: " + megabyte + b"\n"] * 17, [megabyte] * 17):
            with self.assertRaises(RelayError) as caught:
                self.parsed(*chunks)
            self.assertEqual("answer_too_large", caught.exception.code)
        [(_, data)] = self.parsed(b"data: ", *[megabyte] * 15, b"\n\n")
        self.assertEqual(15 * 1024 * 1024, len(data))

    def test_any_number_of_comments_is_none(self) -> None:
        comment = b":" + b"a" * 1024 * 1024 + b"\n"
        self.assertEqual([("", "x")], self.parsed(*[comment] * 17, b"data: x\n\n"))


class ReadmeTests(unittest.TestCase):
    def test_the_example_runs_as_it_stands(self) -> None:
        server = Server()
        self.addCleanup(server.close)
        server.answers = [
            answer(200, {"ok": True, "default": "opus", "models": ["opus", "haiku"]}),
            answer(200, ANSWER),
            stream(event("delta", {"text": "A haiku"}) + event("done", DONE)),
            answer(200, {**ANSWER, "result": "n"}),
        ]
        folder = pathlib.Path(__file__).parent
        match = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.DOTALL)
        assert match is not None
        environment = {**os.environ, "CLAUDE_RELAY_URL": server.url, "CLAUDE_RELAY_KEY": KEY}
        # With -X dev, a connection that is not closed is told of.
        command = [sys.executable, "-X", "dev", "-W", "error", "-c", match[1]]
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=20)
        self.assertEqual(("", 0), (result.stderr, result.returncode))
        self.assertEqual("Models: opus, haiku\nParis (opus, 5 tokens)\nA haiku\n(end_turn, 0.25 USD)\nn and n\n", result.stdout)


if __name__ == "__main__":
    unittest.main()
