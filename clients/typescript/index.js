// Types, units and failures of everything exported here are described in index.d.ts.

const DEFAULT_URL = "http://127.0.0.1:8799";
const DEFAULT_TIMEOUT = 150_000;
const DEFAULT_MAX_RETRIES = 2;
const DEFAULT_MAX_RETRY_WAIT = 60_000;
const MAX_BACKOFF = 8_000;
/** Above this, setTimeout() fires at once. */
const MAX_TIMER = 2 ** 31 - 1;
const MAX_EVENT_BYTES = 16 * 1024 * 1024;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const RETRIED_STATUSES = new Set([429, 502, 503, 504]);
/** Their contents are the caller's or a page's, and not fields of the API. */
const OPAQUE_FIELDS = new Set(["structured_output", "json_ld"]);

export class RelayError extends Error {
  constructor(message, { code, status = null, requestId = null, field = null, retryAfter = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

export class BadRequestError extends RelayError {}
export class AuthenticationError extends RelayError {}
export class PermissionDeniedError extends RelayError {}
export class ConflictError extends RelayError {}
export class RateLimitError extends RelayError {}
export class ServerError extends RelayError {}
export class RelayConnectionError extends RelayError {}
export class RelayTimeoutError extends RelayError {}

export class ClaudeRelay {
  #url;
  #key;
  #timeout;
  #maxRetries;
  #maxRetryWait;
  #fetch;

  constructor({ url, key, timeout = DEFAULT_TIMEOUT, maxRetries = DEFAULT_MAX_RETRIES, maxRetryWait = DEFAULT_MAX_RETRY_WAIT, fetch = globalThis.fetch } = {}) {
    if (typeof globalThis.window !== "undefined" && typeof globalThis.document !== "undefined") {
      throw new Error("claude-relay-client does not run in a browser: a key in a page is public. Call the relay from a server of yours.");
    }

    const environment = globalThis.process?.env ?? {};
    this.#url = checkedUrl(url ?? (environment.CLAUDE_RELAY_URL || DEFAULT_URL));
    this.#key = checkedKey(key ?? environment.CLAUDE_RELAY_KEY);
    this.#timeout = checkedTimeout(timeout);
    this.#maxRetries = checkedNumber(maxRetries, "maxRetries", Number.isInteger(maxRetries) && maxRetries >= 0, "a whole number from 0");
    this.#maxRetryWait = checkedNumber(maxRetryWait, "maxRetryWait", maxRetryWait >= 0 && maxRetryWait <= MAX_TIMER, "a number of milliseconds from 0");
    if (typeof fetch !== "function") {
      throw new TypeError("'fetch' is a function like the global fetch().");
    }

    this.#fetch = fetch;
  }

  /** The relay's address, without a slash at its end. */
  get url() {
    return this.#url;
  }

  async complete(promptOrRequest, options) {
    const body = { ...completionBody(promptOrRequest), output_format: "json" };
    const { answer, requestId } = await this.#call("POST", "/v1/complete", body, options);
    const { ok, result, ...rest } = camelized(answer);
    return { text: result, ...rest, requestId };
  }

  stream(promptOrRequest, options) {
    const body = { ...completionBody(promptOrRequest), stream: true };
    let settle;
    const final = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    // The loop throws every failure. `final` repeats it for who asks, and for who does not it is no unhandled rejection.
    final.catch(() => {});
    const deltas = this.#deltas(body, options, settle);
    let isRead = false;
    return {
      final,
      [Symbol.asyncIterator]() {
        if (isRead) {
          throw new TypeError("A stream can be read once.");
        }

        isRead = true;
        return deltas;
      },
    };
  }

  async fetchPage(urlOrRequest, options) {
    const body = snakeCased(asRequest(urlOrRequest, "url"));
    const { answer, requestId } = await this.#call("POST", "/v1/fetch", body, options);
    // The data is the page's own.
    const { ok, ...page } = { ...camelized(answer), ...("data" in answer && { data: answer.data }) };
    return { ...page, content: page.html ?? page.text ?? page.markdown, requestId };
  }

  async models(options) {
    const { answer } = await this.#call("GET", "/v1/models", undefined, options);
    const { ok, ...models } = camelized(answer);
    return models;
  }

  async usage({ days, ...options } = {}) {
    const query = days === undefined ? "" : `?days=${encodeURIComponent(days)}`;
    const { answer } = await this.#call("GET", `/v1/usage${query}`, undefined, options);
    return camelized(answer);
  }

  /** One call whose answer is a JSON object, with its retries. */
  async #call(method, path, body, { signal, timeout = this.#timeout, idempotencyKey } = {}) {
    checkedTimeout(timeout);
    const request = { method, path, body: body && JSON.stringify(body), idempotencyKey: body && (await checkedIdempotencyKey(idempotencyKey)) };
    const call = new Call(signal);
    const deadline = performance.now() + timeout;
    try {
      return await call.within(timeout, () => this.#retrying(call, deadline, async () => {
        const response = await this.#send(call, request, deadline - performance.now());
        const requestId = response.headers.get("x-request-id");
        const answer = parsedObject(await textOf(response));
        if (answer?.ok !== true) {
          throw notTheRelay(response.status, requestId, "is not the JSON object of a success");
        }

        return { answer, requestId };
      }));
    } finally {
      call.end();
    }
  }

  /** The texts of a stream; `settle` is told how it ended. */
  async *#deltas(body, { signal, timeout = this.#timeout, idempotencyKey } = {}, settle) {
    let call;
    try {
      checkedTimeout(timeout);
      const request = { method: "POST", path: "/v1/complete", body: JSON.stringify(body), idempotencyKey: await checkedIdempotencyKey(idempotencyKey) };
      call = new Call(signal);
      const within = (action) => call.within(timeout, action);
      const { first, events, requestId } = await this.#retrying(call, Infinity, async () => {
        const response = await within(() => this.#send(call, request));
        const requestId = response.headers.get("x-request-id");
        // An answer that is no stream must not pass for one that broke: that would be asked for, and paid, again.
        if (!response.body || !/^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "")) {
          throw notTheRelay(response.status, requestId, "is not a stream of events");
        }

        const events = eventsOf(response, within);
        const first = await events.next();
        return first.done ? throwBroken("The stream ended before its first event.", requestId) : { first, events, requestId };
      });
      for (let next = first; !next.done; next = await events.next()) {
        const { type, data } = next.value;
        if (type === "delta") {
          yield eventObject(data, requestId).text;
        } else if (type === "done") {
          settle.resolve({ ...camelized(eventObject(data, requestId)), requestId });
          return;
        } else if (type === "error") {
          throw this.#failure(data, { requestId });
        }
        // `start`, and what later versions may add, is not for the reader of the text.
      }

      throwBroken("The stream ended without its 'done' event.", requestId);
    } catch (error) {
      settle.reject(error);
      throw error;
    } finally {
      // Of no effect when the end is known already.
      settle.reject(new RelayError("The stream was left before its end.", { code: "stream_left" }));
      call?.end();
    }
  }

  /** Repeats what may succeed the next time; `deadline` is in milliseconds of performance.now(). */
  async #retrying(call, deadline, attempt) {
    for (let retries = 0; ; retries++) {
      try {
        return await attempt();
      } catch (error) {
        if (retries >= this.#maxRetries || !isTransient(error)) {
          throw error;
        }

        const wait = error.retryAfter === null ? backoff(retries) : error.retryAfter * 1000;
        if ((error.retryAfter !== null && wait > this.#maxRetryWait) || performance.now() + wait >= deadline) {
          throw error;
        }

        await call.sleep(wait);
      }
    }
  }

  /** Sends a request; answers a success, and throws a failure. `remaining` is how long the caller still waits, in milliseconds. */
  async #send(call, { method, path, body, idempotencyKey }, remaining) {
    const headers = { authorization: `Bearer ${this.#key}`, accept: "application/json, text/event-stream" };
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      headers["idempotency-key"] = idempotencyKey;
    }

    if (remaining !== undefined) {
      // Rounded up to tenths of a second, so that it is never 0, which would mean nothing.
      headers["request-timeout"] = String(Math.max(Math.ceil(remaining / 100) / 10, 0.1));
    }

    let response;
    try {
      // A redirect would carry the prompt, and perhaps the key, to a place that nobody configured.
      response = await this.#fetch.call(undefined, this.#url + path, { method, headers, body, signal: call.signal, redirect: "manual" });
    } catch (cause) {
      throw new RelayConnectionError(`No answer from ${this.#url}.`, { code: "connection_failed", cause });
    }

    if (response.ok) {
      return response;
    }

    const retryAfter = response.headers.get("retry-after");
    throw this.#failure(await textOf(response), {
      status: response.status,
      requestId: response.headers.get("x-request-id"),
      retryAfter: /^\d{1,9}$/.test(retryAfter ?? "") ? Number(retryAfter) : null,
    });
  }

  /** The error that a failure's body describes, as far as it does. */
  #failure(text, { status = null, requestId, retryAfter }) {
    // A broken proxy may echo what it was sent, and errors get logged.
    const failure = parsedObject(text.replaceAll(this.#key, "***"));
    const { code, message, field } = failure?.error ?? {};
    const details = { status, requestId: failure?.request_id ?? requestId, retryAfter };
    const ErrorClass = errorClassOf(status);
    if (typeof code === "string") {
      return new ErrorClass(String(message), { ...details, code, field: field ?? null });
    }

    return status === null
      ? new RelayConnectionError("The stream ended with a failure that is not described.", { ...details, code: "stream_broken" })
      : new ErrorClass(`The answer has the status ${status}, and no description of the failure.`, { ...details, code: `http_${status}` });
  }
}

/** What ends the connections of one call: the caller's signal, a time limit, or that the call is over. AbortSignal.any() would need Node 20. */
class Call {
  #controller = new AbortController();
  #callersSignal;
  #forward = () => this.#controller.abort();

  constructor(callersSignal) {
    callersSignal?.throwIfAborted();
    this.#callersSignal = callersSignal;
    callersSignal?.addEventListener("abort", this.#forward);
  }

  get signal() {
    return this.#controller.signal;
  }

  /** Does something for at most so many milliseconds. */
  async within(limit, action) {
    const timer = setTimeout(() => this.#controller.abort(), limit);
    try {
      return await action();
    } catch (error) {
      throw this.signal.aborted ? this.#reason(error) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits so many milliseconds. */
  sleep(wait) {
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(this.#reason());
      };
      const timer = setTimeout(() => {
        this.signal.removeEventListener("abort", stop);
        resolve();
      }, wait);
      this.signal.addEventListener("abort", stop);
      if (this.signal.aborted) {
        stop();
      }
    });
  }

  end() {
    this.#callersSignal?.removeEventListener("abort", this.#forward);
    this.#controller.abort();
  }

  #reason(cause) {
    return this.#callersSignal?.aborted
      ? this.#callersSignal.reason
      : new RelayTimeoutError("The time limit of this client has passed.", { code: "timeout", cause });
  }
}

/** Reads server-sent events out of bytes that come in any pieces. */
class EventParser {
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #line = [];
  #bytes = 0;
  #type = "";
  #data = [];
  #isAfterCr = false;
  #isFirstLine = true;

  /** The events that these bytes complete, as `{ type, data }`. */
  *feed(chunk) {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === 0x0a && this.#isAfterCr) {
        // The second half of a line's end.
        start = i + 1;
      } else if (byte === 0x0a || byte === 0x0d) {
        this.#hold(chunk.subarray(start, i));
        start = i + 1;
        const event = this.#endLine();
        if (event) {
          yield event;
        }
      }

      this.#isAfterCr = byte === 0x0d;
    }

    // A copy: the chunk's memory is its reader's.
    this.#hold(chunk.slice(start));
  }

  #hold(bytes) {
    this.#bytes += bytes.length;
    if (this.#bytes > MAX_EVENT_BYTES) {
      throw new RelayError("An event of the stream is larger than 16 MB.", { code: "answer_too_large" });
    }

    if (bytes.length > 0) {
      this.#line.push(bytes);
    }
  }

  #endLine() {
    let line = this.#line.map((bytes) => this.#decoder.decode(bytes, { stream: true })).join("") + this.#decoder.decode();
    const length = this.#line.reduce((sum, bytes) => sum + bytes.length, 0);
    this.#line = [];
    if (this.#isFirstLine) {
      this.#isFirstLine = false;
      line = line.replace(/^\uFEFF/, "");
    }

    if (line === "") {
      const event = this.#data.length > 0 ? { type: this.#type, data: this.#data.join("\n") } : undefined;
      this.#type = "";
      this.#data = [];
      this.#bytes = 0;
      return event;
    }

    const [, field, value] = /^([^:]*)(?:: ?)?([^]*)$/.exec(line);
    if (field === "data") {
      this.#data.push(value);
    } else {
      // Only data is kept; a stream of nothing but comments may go on for ever.
      this.#bytes -= length;
      if (field === "event") {
        this.#type = value;
      }
    }

    return undefined;
  }
}

async function* eventsOf(response, within) {
  const reader = response.body.getReader();
  const parser = new EventParser();
  for (;;) {
    const { done, value } = await within(() => read(reader, "stream_broken"));
    if (done) {
      // What is left without a blank line at its end may be half of an event, and is none.
      return;
    }

    yield* parser.feed(value);
  }
}

async function textOf(response) {
  if (!response.body) {
    return "";
  }

  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await read(reader, "connection_failed");
    if (done) {
      return text + decoder.decode();
    }

    bytes += value.length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new RelayError("The answer is larger than 64 MB.", { code: "answer_too_large", status: response.status });
    }

    text += decoder.decode(value, { stream: true });
  }
}

async function read(reader, code) {
  try {
    return await reader.read();
  } catch (cause) {
    throw new RelayConnectionError("The connection broke before the end of the answer.", { code, cause });
  }
}

function throwBroken(message, requestId) {
  throw new RelayConnectionError(message, { code: "stream_broken", requestId });
}

function eventObject(data, requestId) {
  return parsedObject(data) ?? throwBroken("An event of the stream is not a JSON object.", requestId);
}

function notTheRelay(status, requestId, what) {
  return new RelayError(`The answer has the status ${status}, but ${what}: is this the address of a relay?`, { code: `http_${status}`, status, requestId });
}

/** The object that a text is in JSON, or undefined. */
function parsedObject(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    // Every caller has an error of its own for it; JSON.parse()'s would quote the text.
    return undefined;
  }
}

function errorClassOf(status) {
  switch (status) {
    case 400: case 404: case 405: case 413: case 415: case 421: case 422:
      return BadRequestError;
    case 401:
      return AuthenticationError;
    case 403:
      return PermissionDeniedError;
    case 409:
      return ConflictError;
    case 429:
      return RateLimitError;
    case null:
      // In the midst of a stream, after its request was accepted.
      return ServerError;
    default:
      return status >= 500 ? ServerError : RelayError;
  }
}

function isTransient(error) {
  return error instanceof RelayConnectionError
    || (error instanceof RelayError && (RETRIED_STATUSES.has(error.status) || (error.status === 409 && error.code === "idempotency_in_flight")));
}

/** Milliseconds; up to a quarter off at random, so that those who failed together do not come back together. */
function backoff(retries) {
  return Math.min(500 * 2 ** retries, MAX_BACKOFF) * (1 - Math.random() / 4);
}

function asRequest(value, field) {
  if (typeof value === "string") {
    return { [field]: value };
  }

  if (typeof value !== "object" || value === null) {
    throw new TypeError(`The first argument is a string, or a request with '${field}'.`);
  }

  return value;
}

function completionBody(promptOrRequest) {
  const body = snakeCased(asRequest(promptOrRequest, "prompt"));
  // How the answer comes is the method's choice.
  delete body.stream;
  delete body.output_format;
  if (Array.isArray(body.messages)) {
    body.messages = body.messages.map((message) => ({
      ...message,
      content: Array.isArray(message.content) ? message.content.map(snakeCased) : message.content,
    }));
  }

  return body;
}

/** The names of an object's own fields, not of what they hold: that may be a JSON schema. */
function snakeCased(object) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
}

/** The names of all fields, however deep. */
function camelized(value) {
  if (Array.isArray(value)) {
    return value.map(camelized);
  }

  if (typeof value !== "object" || value === null) {
    return value;
  }

  return Object.fromEntries(Object.entries(value).map(([name, content]) => [
    name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase()),
    OPAQUE_FIELDS.has(name) ? content : camelized(content),
  ]));
}

function checkedUrl(text) {
  // Not URL's own error: it would show a password in the address.
  if (!/^https?:\/\/[^\s?#@]+$/i.test(text) || !isUrl(text)) {
    throw new TypeError("'url' (or CLAUDE_RELAY_URL) is an http or https address without user, query and fragment.");
  }

  return String(text).replace(/\/+$/, "");
}

/** URL.canParse() would need Node 18.17. */
function isUrl(text) {
  try {
    return new URL(text) instanceof URL;
  } catch {
    return false;
  }
}

function checkedKey(key) {
  if (key === undefined || key === null || key === "") {
    throw new TypeError("There is no key: pass 'key', or set the environment variable CLAUDE_RELAY_KEY.");
  }

  // Or else fetch() would refuse the header, and show it.
  if (typeof key !== "string" || !/^[!-~]+$/.test(key)) {
    throw new TypeError("The key (CLAUDE_RELAY_KEY) is a string of visible ASCII characters; is there a space or a line break in it?");
  }

  return key;
}

function checkedTimeout(timeout) {
  return checkedNumber(timeout, "timeout", timeout > 0 && timeout <= MAX_TIMER, `a number of milliseconds above 0, and at most ${MAX_TIMER}`);
}

function checkedNumber(value, name, isGood, description) {
  if (typeof value !== "number" || !isGood) {
    throw new TypeError(`'${name}' is ${description}.`);
  }

  return value;
}

async function checkedIdempotencyKey(key) {
  if (key === undefined) {
    // Node 18 has no global crypto.
    return (globalThis.crypto ?? (await import("node:crypto"))).randomUUID();
  }

  if (typeof key !== "string" || !/^[!-~]+$/.test(key)) {
    throw new TypeError("'idempotencyKey' is a string of visible ASCII characters.");
  }

  return key;
}
