/** Reads `CLAUDE_RELAY_URL` and `CLAUDE_RELAY_KEY` from the environment for what is not given. Times are in milliseconds. */
export interface ClientOptions {
  /** The relay's address, http or https; `http://127.0.0.1:8799` when neither this nor `CLAUDE_RELAY_URL` is set. */
  url?: string;
  /** The key. Never shown by the client: not in errors, not by `util.inspect`, not in JSON. */
  key?: string;
  /** Most milliseconds of a whole call with its retries, and of each silence in a stream; 150,000 when missing. */
  timeout?: number;
  /** How often a call is repeated at most; 2 when missing. */
  maxRetries?: number;
  /** The longest `Retry-After` to wait for, in milliseconds; 60,000 when missing. A longer one ends the call at once. */
  maxRetryWait?: number;
  /** Used instead of the global `fetch`, for a proxy or a certificate authority of your own. */
  fetch?: typeof globalThis.fetch;
}

export interface CallOptions {
  /** Ends the call and its connection at once; the call then throws the signal's reason. */
  signal?: AbortSignal;
  /** As in `ClientOptions`, for this call; milliseconds. */
  timeout?: number;
}

export interface PostOptions extends CallOptions {
  /** The same for calls that are the same; visible ASCII characters. A random UUID when missing, kept for the call's retries. */
  idempotencyKey?: string;
}

export type ContentPart =
  | { type: "text"; text: string }
  /** `data` is in Base64, `mediaType` is like `image/png`. */
  | { type: "image"; mediaType: string; data: string };

export interface Message {
  role: "user" | "assistant";
  content: string | ContentPart[];
}

/** Either `prompt` or `messages`, and what else the relay accepts. */
export interface CompletionRequest {
  prompt?: string;
  messages?: Message[];
  system?: string;
  /** One of `models()`; the relay's default when missing. */
  model?: string;
  /** Most tokens of the answer. */
  maxTokens?: number;
  effort?: "low" | "medium" | "high" | "xhigh" | "max";
  /** A JSON schema; the answer is then in `structuredOutput`. Sent as it is. */
  jsonSchema?: Record<string, unknown>;
  /** Texts that end the answer. */
  stop?: string[];
}

export interface TokenUsage {
  inputTokens: number;
  outputTokens: number;
  cacheCreationInputTokens: number;
  cacheReadInputTokens: number;
  /** US dollars by list price; null when unknown, for instance of an answer that was cut. */
  costUsd: number | null;
}

/** What is known when an answer has ended. */
export interface CompletionEnd<T = unknown> {
  /** The model that answered. */
  model: string;
  durationMs: number;
  /** For instance `end_turn` or `max_tokens`. */
  stopReason: string | null;
  /** Only with `jsonSchema`: what it describes, as it came. */
  structuredOutput?: T;
  usage: TokenUsage;
  /** What the relay's log calls this request. */
  requestId: string | null;
}

export interface Completion<T = unknown> extends CompletionEnd<T> {
  text: string;
}

/** The texts of an answer as they come. It is sent when the loop begins, can be read once, and its connection ends with the loop. */
export interface CompletionStream<T = unknown> extends AsyncIterable<string> {
  /**
   * Settled when the loop has ended: await it afterwards. It rejects with what the loop has thrown, and with the code
   * `stream_left` when the loop was left early.
   */
  readonly final: Promise<CompletionEnd<T>>;
}

export interface PageRequest {
  /** A page of the public web, http or https. */
  url: string;
  /** Most content of the answer in UTF-8 bytes. */
  maxBytes?: number;
  /** Whether HTML comes without scripts, styles and their like. */
  strip?: boolean;
  /** `html` when missing. */
  format?: "html" | "text" | "markdown";
  /** Where to begin: the `nextOffset` of the answer before, in Unicode characters. */
  offset?: number;
  /** As in the header of this name. */
  acceptLanguage?: string;
}

export interface Page {
  /** The content, in the format that was asked for; also in the field of the format's name. */
  content: string;
  html?: string;
  text?: string;
  markdown?: string;
  /** Of the page: a 404 is an answer. */
  status: number;
  finalUrl: string;
  /** Whether there is more than this. */
  truncated: boolean;
  contentType: string | null;
  charset: string | null;
  title: string | null;
  description: string | null;
  language: string | null;
  canonical: string | null;
  /** As it was in the page; what is not valid JSON is a string. */
  jsonLd: unknown[];
  /** How many blocks of JSON-LD were left out, when some were. */
  jsonLdOmitted?: number;
  /** Pages of a PDF; missing for other documents. */
  pages?: number;
  /** The page's Open Graph: the name behind `og:`, and its value. */
  openGraph: { name: string; content: string }[];
  /** Whether the page seems to show its content only once its scripts have run. The relay runs none. */
  needsJavascript: boolean;
  /** Why, for such a page. */
  needsJavascriptReason?: "noscript" | "empty_root" | "no_text";
  /** Of such a page, the JSON that it carries for its scripts, as it was; text that is not valid JSON is a string. */
  data?: { id: string; content: unknown }[];
  /** Where a browser would go on after more than a second. */
  refreshUrl?: string;
  redirects: { url: string; status: number }[];
  /** Unicode characters of the whole content; null when it was not read to its end. */
  totalChars: number | null;
  /** The `offset` of the next piece; null when there is none. */
  nextOffset: number | null;
  /** Bytes of the page that were read, uncompressed. */
  bytes: number;
  durationMs: number;
  requestId: string | null;
}

export interface Models {
  /** The model of requests that name none. */
  default: string | null;
  /** The names that a request may use. */
  models: string[];
  [other: string]: unknown;
}

/** What the key used by UTC day (`2026-11-23`), and what is left of its limits. Costs are in US dollars. */
export interface Usage {
  ok: true;
  /** The key's label. */
  key: string;
  days: ({ day: string; model: string; requests: number } & TokenUsage)[];
  /** Pages. */
  fetches: { day: string; requests: number }[];
  total: { requests: number; fetches: number } & TokenUsage;
  /** `resetSeconds` is missing or null for a limit that no time resets. */
  limits: { name: string; limit: number; remaining: number; resetSeconds?: number | null }[];
  [other: string]: unknown;
}

/**
 * A client of claude-relay. Every method throws a `RelayError` when the call fails, the signal's reason when it was aborted,
 * and a `TypeError` for arguments that cannot be sent.
 *
 * Repeated, up to `maxRetries` times: 429, 502, 503, 504, a 409 with the code `idempotency_in_flight`, and connections that
 * broke before the answer was there (of a stream: before its first event). It waits as long as `Retry-After` says, else
 * 0.5 s, 1 s, 2 s … at most 8 s, and does not begin to wait beyond the call's `timeout`.
 */
export class ClaudeRelay {
  /** Throws a `TypeError` when there is no key or an option is wrong, and an `Error` in a browser: a key in a page is public. */
  constructor(options?: ClientOptions);

  /** The relay's address, without a slash at its end. */
  readonly url: string;

  /** Asks, and waits for the whole answer. A string is a prompt. */
  complete<T = unknown>(promptOrRequest: string | CompletionRequest, options?: PostOptions): Promise<Completion<T>>;

  /** Asks, and gives the answer's text as it comes. A string is a prompt. */
  stream<T = unknown>(promptOrRequest: string | CompletionRequest, options?: PostOptions): CompletionStream<T>;

  /** Reads a page of the public web through the relay. A string is its address. */
  fetchPage(urlOrRequest: string | PageRequest, options?: PostOptions): Promise<Page>;

  /** The models that may be named. */
  models(options?: CallOptions): Promise<Models>;

  /** What this key used in the last `days` (7 when missing), and what is left of its limits. */
  usage(options?: CallOptions & { days?: number }): Promise<Usage>;
}

export interface RelayErrorDetails {
  code: string;
  status?: number | null;
  requestId?: string | null;
  field?: string | null;
  retryAfter?: number | null;
  cause?: unknown;
}

/** Every failure of a call. This class itself: a status that none of the others stands for, or an answer that is not a relay's. */
export class RelayError extends Error {
  constructor(message: string, details: RelayErrorDetails);

  /**
   * The relay's own code, for instance `rate_limited`; `http_STATUS` for an answer that is not the relay's, and of this
   * client: `connection_failed`, `stream_broken`, `stream_left`, `timeout`, `answer_too_large`.
   */
  readonly code: string;
  /** The answer's HTTP status; null without an answer, and for a failure in the midst of a stream. */
  readonly status: number | null;
  /** What the relay's log calls this request. */
  readonly requestId: string | null;
  /** The field of the request that is wrong. */
  readonly field: string | null;
  /** Seconds after which to ask again. */
  readonly retryAfter: number | null;
}

/** 400, 404, 405, 413, 415, 421, 422: the same request will fail again. (Of a 421, Node 18's `fetch` makes a broken connection.) */
export class BadRequestError extends RelayError {}
/** 401: no such key. */
export class AuthenticationError extends RelayError {}
/** 403: the key may not do this. */
export class PermissionDeniedError extends RelayError {}
/** 409: the idempotency key is in use. */
export class ConflictError extends RelayError {}
/** 429: a limit is reached; see `retryAfter`. */
export class RateLimitError extends RelayError {}
/** 500 and above, and a failure in the midst of a stream (`status` is null then). */
export class ServerError extends RelayError {}
/** There was no answer, or its connection broke. */
export class RelayConnectionError extends RelayError {}
/** The `timeout` of this client has passed. */
export class RelayTimeoutError extends RelayError {}
