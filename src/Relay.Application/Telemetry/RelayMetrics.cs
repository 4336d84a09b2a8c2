using System.Collections.Frozen;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Application.Telemetry;

/// <summary>
/// Counters and timers that are recorded where things happen. Every label's values come from a closed set: the relay's own words and the
/// operator's models, never a caller's text. GenAI names and buckets are those of OpenTelemetry's semantic conventions. docs/telemetry.md
/// explains each instrument.
/// </summary>
public sealed class RelayMetrics
{
    /// <summary>The meter of all of the relay's own instruments.</summary>
    public const string MeterName = "ClaudeRelay";

    /// <summary>The value of <c>relay.outcome</c> for success.</summary>
    private const string Ok = "ok";

    /// <summary>The value for anything outside its closed set; OpenTelemetry's word for it.</summary>
    private const string Other = "_OTHER";

    private static readonly FrozenSet<string> Errors = Enum.GetValues<ErrorCode>()
        .Select(code => code.WireName())
        .Append("not_ready")
        .ToFrozenSet(StringComparer.Ordinal);

    private static readonly ErrorCode[] Refusals =
    [
        ErrorCode.RateLimited,
        ErrorCode.DailyLimit,
        ErrorCode.GlobalDailyLimit,
        ErrorCode.QueueFull,
        ErrorCode.Overloaded,
        ErrorCode.UpstreamRateLimited,
        ErrorCode.ClientClosed,
    ];

    private readonly ModelCatalog _models;
    private readonly Histogram<double> _requests;
    private readonly Histogram<long> _tokenUsage;
    private readonly Histogram<double> _modelCalls;
    private readonly Histogram<double> _completions;
    private readonly Histogram<double> _firstToken;
    private readonly Histogram<double> _perToken;
    private readonly Counter<long> _tokens;
    private readonly Counter<double> _cost;
    private readonly Counter<long> _admissions;
    private readonly Histogram<double> _queueWait;
    private readonly Counter<long> _claims;
    private readonly Counter<long> _retries;
    private readonly Counter<long> _toolCalls;
    private readonly Counter<long> _violations;
    private readonly Counter<long> _gateRefusals;
    private readonly Histogram<double> _fetches;

    internal RelayMetrics(IMeterFactory meters, ModelCatalog models)
    {
        _models = models;
        var meter = meters.Create(MeterName);
        _requests = meter.CreateHistogram(
            "http.server.request.duration",
            "s",
            "Requests, from their head to the end of the answer.",
            advice: MetricBuckets.RequestSeconds
        );
        _tokenUsage = meter.CreateHistogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of one completion; input includes tokens from and for Anthropic's prompt cache.",
            advice: MetricBuckets.Tokens
        );
        _modelCalls = meter.CreateHistogram(
            "gen_ai.client.operation.duration",
            "s",
            "Time of the model and of the way to it, from the start of the turn in a process to its end.",
            advice: MetricBuckets.OperationSeconds
        );
        _completions = meter.CreateHistogram(
            "gen_ai.server.request.duration",
            "s",
            "Completions as callers see them, queue and process included.",
            advice: MetricBuckets.OperationSeconds
        );
        _firstToken = meter.CreateHistogram(
            "gen_ai.server.time_to_first_token",
            "s",
            "From admission to the model's first words, queue and process included; of completions that succeeded.",
            advice: MetricBuckets.FirstTokenSeconds
        );
        _perToken = meter.CreateHistogram(
            "gen_ai.server.time_per_output_token",
            "s",
            "From the first words to the end, by tokens after the first; of completions that succeeded.",
            advice: MetricBuckets.PerTokenSeconds
        );
        _tokens = meter.CreateCounter<long>("relay.tokens", "{token}", "Tokens, as they are priced.");
        _cost = meter.CreateCounter<double>("relay.cost.usd", null, "US dollars that keys were charged, by list price.");
        _admissions = meter.CreateCounter<long>(
            "relay.admissions",
            "{request}",
            "Requests that asked for permission to spend, by outcome."
        );
        _queueWait = meter.CreateHistogram(
            "relay.queue.wait.duration",
            "s",
            "Waits for a place to run in; nearly nothing where one was free.",
            advice: MetricBuckets.WaitSeconds
        );
        _claims = meter.CreateCounter<long>(
            "relay.pool.claims",
            "{process}",
            "Processes that completions got: from the pool, or started for them."
        );
        _retries = meter.CreateCounter<long>("relay.upstream.retries", "{retry}", "Calls of Anthropic's API that Claude Code tried again.");
        _toolCalls = meter.CreateCounter<long>("relay.tool.calls", "{call}", "Calls of callers' tools in answers.");
        _violations = meter.CreateCounter<long>("relay.lockdown.violations", "{violation}", "Processes that failed their lockdown check.");
        _gateRefusals = meter.CreateCounter<long>(
            "relay.gate.refusals",
            "{request}",
            "Requests of Claude Code that the gate did not forward."
        );
        _fetches = meter.CreateHistogram("relay.fetch.duration", "s", "Pages to fetch, by outcome.", advice: MetricBuckets.RequestSeconds);
    }

    /// <summary>Shows the series that alerts watch at 0: Prometheus sees an increase only between two values.</summary>
    internal void ShowZeros()
    {
        _violations.Add(0, new KeyValuePair<string, object?>("relay.lockdown.source", "turn"));
        _violations.Add(0, new KeyValuePair<string, object?>("relay.lockdown.source", "self_test"));
        _retries.Add(0);
        foreach (var bucket in Enum.GetValues<QuotaBucket>())
        {
            _admissions.Add(0, Admission(bucket, null));
            foreach (var code in Refusals)
            {
                _admissions.Add(0, Admission(bucket, code.WireName()));
            }
        }

        foreach (var origin in Enum.GetValues<ProcessOrigin>())
        {
            _claims.Add(0, Claim(origin));
        }
    }

    /// <summary>
    /// Records the end of a request, with a key or without. Method and error are words of closed sets, the route is a template.
    /// </summary>
    public void RequestEnded(string method, string route, string api, int status, string? error, TimeSpan total)
    {
        var tags = new TagList
        {
            { "http.request.method", method },
            { "http.route", route },
            { "http.response.status_code", status },
            { "relay.api", api },
            { "relay.outcome", Outcome(error) },
        };
        _requests.Record(total.TotalSeconds, tags);
    }

    /// <summary>Records the end of a completion, as its caller sees it. Without a model it did not come as far as admission.</summary>
    public void CompletionEnded(RequestContext request, string? error, TimeSpan total)
    {
        if (request.Model is not { } model)
        {
            return;
        }

        var tags = Operation(model);
        if (error is null)
        {
            _toolCalls.Add(
                request.ToolCalls ?? 0,
                new KeyValuePair<string, object?>("gen_ai.request.model", _models.LabelOf(model) ?? Other)
            );
        }

        if (error is null && request is { Timings: { } timings, QueueTime: { } queue })
        {
            _firstToken.Record((queue + timings.Claim + timings.Write + timings.FirstToken).TotalSeconds, tags);
            if (request.Spending.Usage is { OutputTokens: > 1 and var tokens })
            {
                _perToken.Record(timings.Generate.TotalSeconds / (tokens - 1), tags);
            }
        }

        AddError(ref tags, error);
        _completions.Record(total.TotalSeconds, tags);
    }

    /// <summary>Records the decision of admission.</summary>
    public void AdmissionDecided(QuotaBucket bucket, string? refusal, TimeSpan? queueTime)
    {
        var tags = Admission(bucket, refusal);
        _admissions.Add(1, tags);
        if (queueTime is { } wait)
        {
            _queueWait.Record(wait.TotalSeconds, tags);
        }
    }

    /// <summary>Records the settled spending of a completion.</summary>
    public void Spent(ModelName model, TokenUsage? usage, decimal? costUsd)
    {
        var label = _models.LabelOf(model) ?? Other;
        if (costUsd is { } cost)
        {
            _cost.Add((double)cost, new KeyValuePair<string, object?>("gen_ai.request.model", label));
        }

        if (usage is null)
        {
            return;
        }

        RecordUsage(model, "input", usage.InputTokens + usage.CacheCreationInputTokens + usage.CacheReadInputTokens);
        RecordUsage(model, "output", usage.OutputTokens);
        AddTokens(label, "input", usage.InputTokens);
        AddTokens(label, "output", usage.OutputTokens);
        AddTokens(label, "cache_creation", usage.CacheCreationInputTokens);
        AddTokens(label, "cache_read", usage.CacheReadInputTokens);
    }

    /// <summary>Records the origin of a completion's process.</summary>
    public void ProcessClaimed(ProcessOrigin origin) => _claims.Add(1, Claim(origin));

    /// <summary>Records the end of a turn of Claude Code.</summary>
    public void ModelCalled(ModelName model, string? error, int retries, TimeSpan elapsed)
    {
        var tags = Operation(model);
        AddError(ref tags, error);
        _modelCalls.Record(elapsed.TotalSeconds, tags);
        if (retries > 0)
        {
            _retries.Add(retries);
        }
    }

    /// <summary>Records a process that failed its lockdown check.</summary>
    public void LockdownViolated(bool inSelfTest) =>
        _violations.Add(1, new KeyValuePair<string, object?>("relay.lockdown.source", inSelfTest ? "self_test" : "turn"));

    /// <summary>Records a request of Claude Code that the gate did not forward. The kind is one of a closed set.</summary>
    public void GateRefused(string kind) => _gateRefusals.Add(1, new KeyValuePair<string, object?>("relay.gate.refusal", kind));

    /// <summary>Records a page that was fetched, or was not.</summary>
    /// <param name="failure">The fetcher's word for the reason; null for an answer of the site.</param>
    /// <param name="elapsed">The time that it took, without the wait that hides the reason from callers.</param>
    public void PageFetched(string? failure, TimeSpan elapsed) =>
        _fetches.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("relay.fetch.outcome", failure ?? Ok));

    private static string Outcome(string? error) =>
        error is null ? Ok
        : Errors.Contains(error) ? error
        : Other;

    private static TagList Admission(QuotaBucket bucket, string? refusal) =>
        new() { { "relay.bucket", bucket.WireName() }, { "relay.outcome", Outcome(refusal) } };

    private static TagList Claim(ProcessOrigin origin) =>
        origin switch
        {
            ProcessOrigin.Blank => new() { { "relay.pool.result", "hit" }, { "relay.process.origin", "blank" } },
            ProcessOrigin.Prepared => new() { { "relay.pool.result", "hit" }, { "relay.process.origin", "prepared" } },
            _ => new() { { "relay.pool.result", "miss" }, { "relay.process.origin", "cold" } },
        };

    /// <summary>Adds the error. The convention has no label of success: <c>error.type</c> is there, or it is not.</summary>
    private static void AddError(ref TagList tags, string? error)
    {
        if (error is not null)
        {
            tags.Add("error.type", Outcome(error));
        }
    }

    private TagList Operation(ModelName model) =>
        new()
        {
            { "gen_ai.operation.name", "chat" },
            { "gen_ai.provider.name", "anthropic" },
            { "gen_ai.request.model", _models.LabelOf(model) ?? Other },
        };

    private void RecordUsage(ModelName model, string type, long tokens)
    {
        var tags = Operation(model);
        tags.Add("gen_ai.token.type", type);
        _tokenUsage.Record(tokens, tags);
    }

    private void AddTokens(string model, string type, long tokens) =>
        _tokens.Add(tokens, new TagList { { "gen_ai.request.model", model }, { "gen_ai.token.type", type } });
}
