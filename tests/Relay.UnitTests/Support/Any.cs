using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Application.Telemetry;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.UnitTests.Support;

/// <summary>Things that tests need and don't care about.</summary>
internal static class Any
{
    public static DateTimeOffset Time { get; } = new(2026, 3, 14, 15, 9, 26, TimeSpan.Zero);

    public static KeyLabel Label(string text = "app") => KeyLabel.Create(text).Value;

    public static ApiKey Key(string label = "app", int? dailyLimit = null) =>
        ApiKey.Create(Label(label), Time).Key with
        {
            Limits = new KeyLimits(RequestsPerDay: dailyLimit),
        };

    /// <summary>A request of a key, as it enters the pipeline.</summary>
    public static RequestContext Context(ApiKey? caller = null, TimeSpan? patience = null) => new("req_1", caller ?? Key(), patience);

    public static PromptText Text(string text) => PromptText.Create("prompt", text).Value;

    public static ChatMessage Turn(string text) => ChatMessage.Of(ChatRole.User, Text(text));

    /// <summary>Metrics that nobody collects.</summary>
    public static RelayMetrics Metrics() =>
        Metrics(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>());

    public static RelayMetrics Metrics(IMeterFactory meters) => new(meters, new ModelCatalog(Options.Create(new CompletionOptions())));

    /// <summary>The names of models as they are without any setting.</summary>
    public static IModelNames ModelNames() => new ModelCatalog(Options.Create(new CompletionOptions()));

    /// <summary>Tools with these names, and nothing else to them.</summary>
    public static ToolSet Tools(params string[] names) =>
        ToolSet.Create("tools", [.. names.Select(ToolDeclaration.Named)], "tool_choice", ToolChoice.Auto, allowsParallel: true).Value;

    public static ModelName Model(string name = "opus") => ModelName.Create(name).Value;

    public static CompletionRequest Request(string prompt = "hi", string? system = null, string? model = null) =>
        CompletionRequest.Create(prompt, system, model).Value;

    public static Completion Completion(string text = "hello") =>
        new(
            Model(),
            text,
            "end_turn",
            new TokenUsage(1, 2, 3, 4, 0.5m),
            new CompletionTimings(ProcessOrigin.Cold, default, default, default, default)
        );
}
