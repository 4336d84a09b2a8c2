import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { after, before, beforeEach, test as nodeTest } from "node:test";
import {
  AuthenticationError,
  BadRequestError,
  ClaudeRelay,
  ConflictError,
  PermissionDeniedError,
  RateLimitError,
  RelayConnectionError,
  RelayError,
  RelayTimeoutError,
  ServerError,
} from "claude-relay-client";

const KEY = "clk_test_5ecret";
const USAGE = { input_tokens: 3, output_tokens: 5, cache_creation_input_tokens: 0, cache_read_input_tokens: 7, cost_usd: 0.25 };
const ANSWER = { ok: true, model: "opus", duration_ms: 1900, result: "Paris", stop_reason: "end_turn", usage: USAGE };
const DONE = { model: "opus", duration_ms: 12, usage: USAGE, stop_reason: "end_turn" };
const CAMEL_USAGE = { inputTokens: 3, outputTokens: 5, cacheCreationInputTokens: 0, cacheReadInputTokens: 7, costUsd: 0.25 };

/** A connection that is not ended when it should be fails its own test, and does not keep the others. */
const test = (name, body) => nodeTest(name, { timeout: 5_000 }, body);

let server;
let url;
/** What the server was sent, in order: { method, path, headers, body }. */
let requests;
/** Functions (response, request) that answer one request each; the last answers all that follow. */
let answers;

before(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) {
      body += chunk;
    }

    requests.push({ method: request.method, path: request.url, headers: request.headers, body: body && JSON.parse(body) });
    response.setHeader("X-Request-Id", "req_header");
    // No test's first request goes into a connection that the end of another has cut.
    response.setHeader("Connection", "close");
    (answers.length > 1 ? answers.shift() : answers[0])(response, request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  requests = [];
  answers = [];
  delete process.env.CLAUDE_RELAY_URL;
  delete process.env.CLAUDE_RELAY_KEY;
});

const client = (options) => new ClaudeRelay({ url, key: KEY, ...options });

const json = (status, body, headers = {}) => (response) => {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(body));
};

const failure = (status, code, headers) => json(status, { ok: false, error: { code, message: `It is ${code}.` }, request_id: "req_body" }, headers);

/** Writes a stream's text and ends it, or leaves it open. */
const events = (text, { isOpen = false } = {}) => (response) => {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write(text);
  if (!isOpen) {
    response.end();
  }
};

const event = (type, data) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

/** A client whose streams come in exactly these pieces. */
const clientOfPieces = (pieces) => client({
  maxRetries: 0,
  fetch: async () => new Response(new ReadableStream({
    start(controller) {
      pieces.forEach((piece) => controller.enqueue(piece));
      controller.close();
    },
  }), { headers: { "content-type": "text/event-stream" } }),
});

async function read(stream) {
  const texts = [];
  for await (const text of stream) {
    texts.push(text);
  }

  return texts;
}

async function failureOf(action) {
  try {
    await action();
  } catch (error) {
    return error;
  }

  return assert.fail("It did not fail.");
}

/** Waits between tries pass at once; answers how long they would have been, in milliseconds. */
function skipWaits(t) {
  const waits = [];
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (callback, ms, ...rest) => {
    // Not Node's own timers, and not the client's time limit, which is longer than any wait here.
    if (!new Error().stack.includes("index.js") || ms >= 100_000) {
      return setTimeout(callback, ms, ...rest);
    }

    waits.push(ms);
    return setTimeout(callback, 0, ...rest);
  });
  return waits;
}

test("A prompt is completed, with names in the style of each side", async () => {
  answers = [json(200, { ...ANSWER, structured_output: { city_name: { zip_code: 1 } } })];
  const completion = await client().complete({
    messages: [
      { role: "user", content: [{ type: "text", text: "Where?" }, { type: "image", mediaType: "image/png", data: "AAAA" }] },
      { role: "assistant", content: "Hm." },
    ],
    maxTokens: 9,
    jsonSchema: { type: "object", additionalProperties: false, properties: { cityName: { minLength: 1 } } },
    outputFormat: "text",
    stream: true,
    model: undefined,
  });

  assert.deepEqual(completion, {
    text: "Paris",
    model: "opus",
    durationMs: 1900,
    stopReason: "end_turn",
    structuredOutput: { city_name: { zip_code: 1 } },
    usage: CAMEL_USAGE,
    requestId: "req_header",
  });
  const [{ method, path, headers, body }] = requests;
  assert.deepEqual([method, path], ["POST", "/v1/complete"]);
  assert.equal(headers.authorization, `Bearer ${KEY}`);
  assert.equal(headers["content-type"], "application/json");
  assert.equal(headers["request-timeout"], "150");
  assert.match(headers["idempotency-key"], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(body, {
    messages: [
      { role: "user", content: [{ type: "text", text: "Where?" }, { type: "image", media_type: "image/png", data: "AAAA" }] },
      { role: "assistant", content: "Hm." },
    ],
    max_tokens: 9,
    json_schema: { type: "object", additionalProperties: false, properties: { cityName: { minLength: 1 } } },
    output_format: "json",
  });
});

test("A string is a prompt", async () => {
  answers = [json(200, ANSWER)];
  await client().complete("Hi");
  assert.deepEqual(requests[0].body, { prompt: "Hi", output_format: "json" });
});

test("A page, the models and the usage are read", async () => {
  const page = { ok: true, status: 404, final_url: "u", truncated: true, markdown: "# Hi", json_ld: [{ a_b: 1 }], redirects: [{ url: "r", status: 301 }], next_offset: 4,
    pages: 2, open_graph: [{ name: "image:width", content: "9" }], needs_javascript: true, needs_javascript_reason: "empty_root", data: [{ id: "a_b", content: { c_d: 1 } }], refresh_url: "v" };
  answers = [
    json(200, page),
    json(200, { ...page, markdown: undefined, html: "" }),
    json(200, { ok: true, default: null, models: ["opus"] }),
    json(200, { ok: true, key: "app", total: { cost_usd: 1 }, limits: [{ name: "day", reset_seconds: 5 }] }),
  ];
  const relay = client();
  assert.deepEqual(await relay.fetchPage({ url: "u", maxBytes: 10, acceptLanguage: "de" }), {
    status: 404, finalUrl: "u", truncated: true, markdown: "# Hi", content: "# Hi", jsonLd: [{ a_b: 1 }],
    redirects: [{ url: "r", status: 301 }], nextOffset: 4, requestId: "req_header",
    pages: 2, openGraph: [{ name: "image:width", content: "9" }], needsJavascript: true, needsJavascriptReason: "empty_root", data: [{ id: "a_b", content: { c_d: 1 } }], refreshUrl: "v",
  });
  assert.equal((await relay.fetchPage("u")).content, "");
  assert.deepEqual(await relay.models(), { default: null, models: ["opus"] });
  assert.deepEqual(await relay.usage({ days: 3 }), { ok: true, key: "app", total: { costUsd: 1 }, limits: [{ name: "day", resetSeconds: 5 }] });

  assert.deepEqual(requests.map(({ method, path }) => `${method} ${path}`), ["POST /v1/fetch", "POST /v1/fetch", "GET /v1/models", "GET /v1/usage?days=3"]);
  assert.deepEqual(requests[0].body, { url: "u", max_bytes: 10, accept_language: "de" });
  assert.deepEqual(requests[1].body, { url: "u" });
  assert.equal(requests[2].headers["idempotency-key"], undefined);
});

test("A stream gives its texts, and then its end", async () => {
  answers = [events(event("start", { request_id: "r", model: "opus" }) + event("delta", { text: "Par" }) + ": still here\n\n"
    + event("delta", { text: "is" }) + event("done", { ...DONE, structured_output: { a_b: 1 } }))];
  const stream = client().stream({ prompt: "Hi", maxTokens: 5 });
  assert.deepEqual(await read(stream), ["Par", "is"]);
  assert.deepEqual(await stream.final, {
    model: "opus", durationMs: 12, usage: CAMEL_USAGE, stopReason: "end_turn", structuredOutput: { a_b: 1 }, requestId: "req_header",
  });
  assert.throws(() => stream[Symbol.asyncIterator](), TypeError);
  const [{ headers, body }] = requests;
  assert.deepEqual(body, { prompt: "Hi", max_tokens: 5, stream: true });
  assert.equal(headers["request-timeout"], undefined);
  assert.ok(headers["idempotency-key"]);
});

test("Events are the same wherever their bytes are split", async () => {
  const text = "\uFEFF: hello\r\n\r\nevent: delta\r\ndata: {\"text\":\r\ndata:\"a é € 😀\"}\r\nid: 7\r\n\r\n"
    + "event: unknown\ndata: {}\n\nevent:delta\ndata:{\"text\":\"\\n\uFEFF\"}\n\nevent: delta\n\n"
    + "event: delta\rdata: {\"text\":\"cr\"}\r\revent: done\ndata: {\"model\":\"opus\"}\n\n";
  const bytes = new TextEncoder().encode(text);
  const expected = ["a é € 😀", "\n\uFEFF", "cr"];
  for (let i = 0; i <= bytes.length; i++) {
    const stream = clientOfPieces([bytes.slice(0, i), bytes.slice(i)]).stream("Hi");
    assert.deepEqual(await read(stream), expected, `split at ${i}`);
    assert.equal((await stream.final).model, "opus");
  }

  assert.deepEqual(await read(clientOfPieces(Array.from(bytes, (byte) => Uint8Array.of(byte))).stream("Hi")), expected);
});

test("A last event without a blank line is none", async () => {
  answers = [events(`${event("delta", { text: "a" })}event: done\ndata: ${JSON.stringify(DONE)}\n`)];
  const texts = [];
  const stream = client().stream("Hi");
  const error = await failureOf(async () => {
    for await (const text of stream) {
      texts.push(text);
    }
  });
  assert.deepEqual(texts, ["a"]);
  assert.ok(error instanceof RelayConnectionError);
  assert.equal(error.code, "stream_broken");
  assert.equal(error.requestId, "req_header");
  assert.equal(await failureOf(() => stream.final), error);
  assert.equal(requests.length, 1);
});

test("An event of more than 16 MB is an error, and any number of comments is none", async () => {
  const megabyte = new Uint8Array(1024 * 1024).fill(0x61);
  const encode = (text) => new TextEncoder().encode(text);
  const start = encode("event: delta\ndata: ");
  const error = await failureOf(() => read(clientOfPieces([start, ...Array(17).fill(megabyte)]).stream("Hi")));
  assert.equal(error.code, "answer_too_large");
  const lines = Array(17).fill([encode("data: "), megabyte, encode("\n")]).flat();
  assert.equal((await failureOf(() => read(clientOfPieces(lines).stream("Hi")))).code, "answer_too_large");

  const comments = Array(17).fill([encode(":"), megabyte, encode("\n")]).flat();
  assert.deepEqual(await read(clientOfPieces([...comments, encode(event("done", DONE))]).stream("Hi")), []);
  const large = [encode("event: delta\ndata: {\"text\":\""), ...Array(15).fill(megabyte), encode(`"}\n\n${event("done", DONE)}`)];
  assert.equal((await read(clientOfPieces(large).stream("Hi")))[0].length, 15 * 1024 * 1024);
});

test("Every status has its error", async () => {
  const classes = [
    ...[400, 404, 405, 413, 415, 422].map((status) => [status, BadRequestError]),
    // Node 18's fetch() fails by itself at a 421.
    ...(process.version.startsWith("v18.") ? [] : [[421, BadRequestError]]),
    [401, AuthenticationError], [403, PermissionDeniedError], [409, ConflictError], [429, RateLimitError],
    ...[500, 502, 503, 504].map((status) => [status, ServerError]), [499, RelayError], [302, RelayError],
  ];
  for (const [status, ErrorClass] of classes) {
    answers = [json(status, { ok: false, error: { code: "c", message: "M.", field: "prompt" }, request_id: "req_body" }, { "Retry-After": "7", Location: "/v1/models" })];
    requests = [];
    for (const call of [(relay) => relay.complete("Hi"), (relay) => read(relay.stream("Hi"))]) {
      const error = await failureOf(() => call(client({ maxRetries: 0 })));
      assert.equal(error.constructor, ErrorClass, `${status}`);
      assert.ok(error instanceof RelayError);
      assert.equal(error.name, ErrorClass.name);
      const { code, message, field, requestId, retryAfter } = error;
      assert.deepEqual([error.status, code, message, field, requestId, retryAfter], [status, "c", "M.", "prompt", "req_body", 7]);
    }

    // fetch() itself asks again after a 421, in a new connection.
    assert.equal(requests.length, status === 421 ? 4 : 2);
  }
});

test("What is not a relay's answer is an error with the status as its code", async () => {
  const html = (status) => (response) => {
    response.writeHead(status, { "Content-Type": "text/html", "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT" });
    response.end("<html>Bad gateway</html>");
  };
  const relay = client({ maxRetries: 0 });
  answers = [html(502)];
  const error = await failureOf(() => relay.complete("Hi"));
  assert.ok(error instanceof ServerError);
  assert.deepEqual([error.code, error.status, error.requestId, error.retryAfter], ["http_502", 502, "req_header", null]);

  requests = [];
  for (const answer of [html(200), json(200, [ANSWER]), json(200, { ok: false }), json(200, null)]) {
    answers = [answer];
    assert.equal((await failureOf(() => client().complete("Hi"))).code, "http_200");
    // Not asked for again, for it has cost what it costs.
    assert.equal((await failureOf(() => read(client().stream("Hi")))).code, "http_200");
  }

  assert.equal(requests.length, 8);
});

test("What may succeed the next time is repeated with the same idempotency key", async (t) => {
  const waits = skipWaits(t);
  for (const [status, code] of [[429, "rate_limited"], [502, "upstream_error"], [503, "overloaded"], [504, "timeout"], [409, "idempotency_in_flight"]]) {
    requests = [];
    waits.length = 0;
    answers = [failure(status, code), failure(status, code, { "Retry-After": "3" }), json(200, ANSWER)];
    assert.equal((await client().complete("Hi")).text, "Paris", code);
    assert.equal(requests.length, 3);
    assert.equal(new Set(requests.map(({ headers }) => headers["idempotency-key"])).size, 1);
    assert.ok(waits[0] > 375 && waits[0] <= 500, `${waits[0]}`);
    assert.equal(waits[1], 3000);
  }

  await client().complete("Hi");
  assert.notEqual(requests[3].headers["idempotency-key"], requests[2].headers["idempotency-key"]);
  await client().complete("Hi", { idempotencyKey: "mine" });
  assert.equal(requests[4].headers["idempotency-key"], "mine");
});

test("Waits double up to eight seconds, and tries come to an end", async (t) => {
  const waits = skipWaits(t);
  t.mock.method(Math, "random", () => 0);
  answers = [failure(503, "overloaded")];
  const error = await failureOf(() => client({ maxRetries: 6 }).complete("Hi"));
  assert.equal(error.code, "overloaded");
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 8000]);
  assert.equal(requests.length, 7);
});

test("Other failures, and waits that are too long, are not repeated", async (t) => {
  const waits = skipWaits(t);
  for (const [answer, options] of [
    [failure(400, "invalid_request")],
    [failure(409, "idempotency_mismatch")],
    [failure(500, "internal")],
    [failure(429, "daily_limit", { "Retry-After": "61" })],
    [failure(429, "rate_limited", { "Retry-After": "2" }), { maxRetryWait: 1999 }],
    [failure(429, "rate_limited", { "Retry-After": "200" }), { maxRetryWait: 1_000_000 }],
  ]) {
    requests = [];
    answers = [answer];
    await failureOf(() => client(options).complete("Hi"));
    assert.equal(requests.length, 1);
  }

  assert.deepEqual(waits, []);
});

test("A connection that breaks before the answer is tried again", async (t) => {
  skipWaits(t);
  const cut = (response) => response.socket.destroy();
  answers = [cut, cut, json(200, ANSWER)];
  assert.equal((await client().complete("Hi")).text, "Paris");
  answers = [cut];
  requests = [];
  const error = await failureOf(() => client().models());
  assert.ok(error instanceof RelayConnectionError);
  assert.deepEqual([error.code, error.status, requests.length], ["connection_failed", null, 3]);
  assert.ok(error.cause);

  const half = (response) => {
    response.writeHead(200, { "Content-Length": 100 });
    response.write("{", () => response.socket.destroy());
  };
  answers = [half, json(200, ANSWER)];
  assert.equal((await client().complete("Hi")).text, "Paris");
});

test("A stream is repeated before its first event, and never after it", async (t) => {
  skipWaits(t);
  const cut = (text) => (response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(text, () => response.socket.destroy());
  };
  const whole = events(event("delta", { text: "a" }) + event("done", DONE));
  answers = [failure(503, "overloaded"), cut(": comment\n\nevent: start\n"), whole];
  assert.deepEqual(await read(client().stream("Hi")), ["a"]);
  assert.equal(requests.length, 3);
  assert.equal(new Set(requests.map(({ headers }) => headers["idempotency-key"])).size, 1);
  answers = [events(": comment\n\n"), whole];
  assert.deepEqual(await read(client().stream("Hi")), ["a"]);

  for (const answer of [
    cut(event("start", {})),
    events(event("start", {})),
    events("event: delta\ndata: no JSON\n\n"),
    events("event: error\ndata: {\"ok\":false}\n\n"),
  ]) {
    requests = [];
    answers = [answer];
    const error = await failureOf(() => read(client().stream("Hi")));
    assert.ok(error instanceof RelayConnectionError);
    assert.deepEqual([error.code, requests.length], ["stream_broken", 1]);
  }
});

test("A failure in the midst of a stream is thrown, not repeated", async () => {
  answers = [events(event("delta", { text: "a" }) + event("error", { ok: false, error: { code: "upstream_error", message: "Gone." }, request_id: "req_9" }))];
  const stream = client().stream("Hi");
  const error = await failureOf(() => read(stream));
  assert.ok(error instanceof ServerError);
  assert.deepEqual([error.code, error.message, error.requestId, error.status], ["upstream_error", "Gone.", "req_9", null]);
  assert.equal(await failureOf(() => stream.final), error);
  assert.equal(requests.length, 1);
});

test("Aborting ends the connection at once, and throws the signal's reason", async () => {
  let closed;
  answers = [(response) => {
    closed = once(response, "close");
  }];
  const controller = new AbortController();
  const call = failureOf(() => client().complete("Hi", { signal: controller.signal }));
  await waitUntil(() => requests.length === 1);
  controller.abort(new Error("enough"));
  assert.equal((await call).message, "enough");
  await closed;

  // One that is aborted already sends nothing.
  assert.equal((await failureOf(() => client().complete("Hi", { signal: controller.signal }))).message, "enough");
  assert.equal((await failureOf(() => read(client().stream("Hi", { signal: controller.signal })))).message, "enough");
  assert.equal(requests.length, 1);
});

test("Aborting ends a wait between tries", async () => {
  answers = [failure(429, "rate_limited", { "Retry-After": "50" })];
  const controller = new AbortController();
  const call = failureOf(() => client().complete("Hi", { signal: controller.signal }));
  await waitUntil(() => requests.length === 1);
  setTimeout(() => controller.abort(), 30);
  assert.equal((await call).name, "AbortError");
  assert.equal(requests.length, 1);
});

test("Aborting a stream, and leaving its loop, end the connection at once", async () => {
  for (const leave of ["abort", "break", "throw"]) {
    let closed;
    answers = [(response) => {
      closed = once(response, "close");
      events(event("delta", { text: "a" }), { isOpen: true })(response);
    }];
    const controller = new AbortController();
    const stream = client().stream("Hi", { signal: controller.signal });
    const error = await failureOf(async () => {
      for await (const _ of stream) {
        if (leave === "break") {
          break;
        }

        if (leave === "throw") {
          throw new Error("thrown");
        }

        controller.abort();
      }

      throw new Error("left");
    });
    assert.equal(leave === "abort" ? error.name : error.message, { abort: "AbortError", break: "left", throw: "thrown" }[leave]);
    await closed;
    const final = await failureOf(() => stream.final);
    assert.equal(leave === "abort" ? final.name : final.code, leave === "abort" ? "AbortError" : "stream_left");
  }
});

test("A call that takes too long is ended, with its tries", async () => {
  let closed;
  answers = [(response) => {
    closed = once(response, "close");
  }];
  const error = await failureOf(() => client({ timeout: 60 }).complete("Hi"));
  assert.ok(error instanceof RelayTimeoutError);
  assert.equal(error.code, "timeout");
  await closed;
  assert.deepEqual(requests.map(({ headers }) => headers["request-timeout"]), ["0.1"]);
  assert.ok(await failureOf(() => client().models({ timeout: 60 })) instanceof RelayTimeoutError);

  // Half an answer is not an answer in time.
  answers = [(response) => response.write("{")];
  assert.ok(await failureOf(() => client({ timeout: 60 }).complete("Hi")) instanceof RelayTimeoutError);
});

test("A stream may be silent for as long as the time limit, and read as slowly as one likes", async () => {
  let closed;
  answers = [(response) => {
    closed = once(response, "close");
    events(event("delta", { text: "a" }), { isOpen: true })(response);
    let beats = 0;
    const heart = setInterval(() => (beats++ < 5 ? response.write(":\n") : clearInterval(heart)), 60);
  }];
  const start = performance.now();
  const texts = [];
  const error = await failureOf(async () => {
    for await (const text of client({ timeout: 150 }).stream("Hi")) {
      texts.push(text);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
  assert.ok(error instanceof RelayTimeoutError);
  assert.deepEqual(texts, ["a"]);
  const took = performance.now() - start;
  assert.ok(took > 400 && took < 1400, `${took}`);
  await closed;
});

test("Settings come from the arguments, else from the environment", async () => {
  assert.throws(() => new ClaudeRelay(), /CLAUDE_RELAY_KEY/);
  process.env.CLAUDE_RELAY_KEY = KEY;
  assert.equal(new ClaudeRelay().url, "http://127.0.0.1:8799");
  process.env.CLAUDE_RELAY_URL = `${url}/prefix/`;
  answers = [json(200, { ok: true, default: null, models: [] })];
  await new ClaudeRelay().models();
  await new ClaudeRelay({ url: `${url}//`, key: "other" }).models();
  assert.deepEqual(requests.map(({ path, headers }) => [path, headers.authorization]), [["/prefix/v1/models", `Bearer ${KEY}`], ["/v1/models", "Bearer other"]]);
});

test("Wrong settings and arguments are refused", async () => {
  for (const options of [
    { url: "127.0.0.1:8799" }, { url: "ftp://x" }, { url: "http://user:pass@x" }, { url: "http://x?a" }, { url: "http://:" },
    { timeout: 0 }, { timeout: Infinity }, { timeout: "5" }, { maxRetries: -1 }, { maxRetries: 1.5 }, { maxRetryWait: -1 }, { maxRetryWait: NaN }, { fetch: 1 },
  ]) {
    const error = await failureOf(() => client(options));
    assert.ok(error instanceof TypeError, inspect(options));
    assert.ok(!error.message.includes("pass@"));
  }

  await assert.rejects(client().complete(7), TypeError);
  assert.throws(() => client().stream(null), TypeError);
  await assert.rejects(client().complete("Hi", { timeout: -1 }), TypeError);
  await assert.rejects(client().complete("Hi", { idempotencyKey: "a\nb" }), TypeError);
  await assert.rejects(read(client().stream("Hi", { timeout: -1 })), TypeError);
  assert.equal(requests.length, 0);
});

test("It does not run in a browser", (t) => {
  t.after(() => {
    delete globalThis.window;
    delete globalThis.document;
  });
  globalThis.window = {};
  client();
  globalThis.document = {};
  assert.throws(() => client(), /a key in a page is public/);
});

test("The key is shown nowhere", async (t) => {
  skipWaits(t);
  const relay = client();
  const shown = [relay, Object.assign(relay, { own: 1 })];
  const stream = relay.stream("Hi");
  shown.push(stream);
  answers = [(response, request) => json(400, { ok: false, error: { code: "x", message: `You sent ${request.headers.authorization}` } })(response)];
  shown.push(await failureOf(() => read(stream)), await failureOf(() => relay.complete("Hi")));
  assert.equal(shown.at(-1).message, "You sent Bearer ***");
  answers = [(response) => response.socket.destroy()];
  shown.push(await failureOf(() => relay.models()));
  answers = [(response, request) => events(event("error", { error: { code: "x", message: request.headers.authorization } }))(response)];
  shown.push(await failureOf(() => read(relay.stream("Hi"))));
  for (const key of [`${KEY} `, `${KEY}\n`, `${KEY}é`]) {
    shown.push(await failureOf(() => new ClaudeRelay({ key })));
  }

  for (const value of shown) {
    for (const text of [inspect(value, { depth: 10, showHidden: true, getters: true }), String(value), String(JSON.stringify(value)), String(value.stack), Object.keys(value).join()]) {
      assert.ok(!text.includes("5ecret"), text);
    }
  }
});

test("The README's example runs as it stands", async () => {
  answers = [
    json(200, { ok: true, default: "opus", models: ["opus", "haiku"] }),
    json(200, ANSWER),
    events(event("delta", { text: "A haiku" }) + event("done", DONE)),
  ];
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const [, example] = /```js\n([^]*?)```/.exec(readme);
  const child = spawn(process.execPath, ["--input-type=module"], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    env: { ...process.env, CLAUDE_RELAY_URL: url, CLAUDE_RELAY_KEY: KEY, NODE_TEST_CONTEXT: undefined },
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end(example);
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  assert.equal(output, "Models: opus, haiku\nParis (opus, 5 tokens)\nA haiku\n(end_turn, 0.25 USD)\n");
});

async function waitUntil(isTrue) {
  for (let i = 0; i < 400 && !isTrue(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  assert.ok(isTrue());
}
