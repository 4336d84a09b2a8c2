using System.Reflection;
using Relay.Api.Anthropic;
using Relay.Api.Completions;
using Relay.Api.OpenAi;
using Relay.Api.Responses;
using Relay.Api.Streaming;
using Relay.Application;
using Relay.Application.Configuration;
using Relay.Application.Contracts;
using Relay.Application.Diagnostics;
using Relay.Application.Telemetry;
using Relay.Application.Timing;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Diagnostics;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.Pdf;
using Relay.Infrastructure.Processes;

namespace Relay.UnitTests.Architecture;

/// <summary>
/// Everything but domain types, requests, ports, options, what those speak of, and one Add… class per project is internal sealed.
/// </summary>
public sealed class VisibilityTests
{
    /// <summary>Further types that the hosts need, and the reason for each.</summary>
    private static readonly Dictionary<Type, string> NeededByHosts = new()
    {
        [typeof(DependencyInjection)] = "AddRelayApplication",
        [typeof(Printable)] = "both hosts show texts in a terminal",
        [typeof(SettingsBinder)] = "the Api registers its own options with it",
        [typeof(SettingAttribute)] = "on the Api's own options",
        [typeof(SettingDescription)] = "the first config.env is written from it",
        [typeof(SettingsTrial)] = "a changed config.env is tried with it",
        [typeof(KeyContract)] = "both hosts write keys",
        [typeof(KeyLimitsContract)] = "both hosts and the key file write limits",
        [typeof(KeywordsAttribute)] = "on contracts of the Api",
        [typeof(RequestContractAttribute)] = "on contracts of the Api",
        [typeof(Deadline)] = "each layer limits the time of its work with it",
        [typeof(WakeSignal)] = "the adapters wake their own loops with it",
        [typeof(RelayMetrics)] = "each layer counts what happens in it",
        [typeof(RelayTracing)] = "each layer begins the spans of what happens in it",
        [typeof(Relay.Infrastructure.DependencyInjection)] = "AddRelayInfrastructure",
        [typeof(Relay.Redis.DependencyInjection)] = "AddRelayRedis",
        [typeof(RelayHome)] = "both hosts open it before there is a container",
        [typeof(ConfigEnv)] = "a configuration source of the Api",
        [typeof(UnknownSettings)] = "the relay warns about them at its start",
        [typeof(PdfProgram)] = "both hosts are its executable",
        [typeof(ProcessHardening)] = "the first thing the relay does",
        [typeof(Relay.Infrastructure.StartupException)] = "the relay turns it into a sentence and exit code 1",
    };

    /// <summary>Classes that others in their project inherit from.</summary>
    private static readonly Type[] Inherited =
    [
        typeof(TurnOutcome),
        typeof(ContentBlock),
        typeof(AnswerBlock),
        typeof(AnswerPiece),
        typeof(DocumentSource),
        typeof(CompletionControllerBase),
        typeof(CompletionStream),
        typeof(MessageFields),
        typeof(OpenAiFields),
        typeof(ResponseEvent),
        typeof(ResponseContentEvent),
        typeof(TurnSignal),
        typeof(SelfTestReport),
        typeof(ObservedStream),
    ];

    [Fact]
    public void Public_types_are_requests_ports_options_or_needed_by_a_host()
    {
        var layers = new[] { Solution.Application, Solution.Infrastructure, Solution.Redis, Solution.Api, Solution.Cli };
        var contracts = SpokenOf(layers.SelectMany(Solution.Written).Where(type => type.IsVisible && IsContract(type)));
        contracts.Should().NotBeEmpty();
        var visible = layers.SelectMany(Solution.Written).Where(type => type.IsVisible && !IsEntryPoint(type)).ToList();

        Rule.ForEach(
            visible,
            type => contracts.Contains(type) || NeededByHosts.ContainsKey(type) ? null : type.FullName,
            "what is public can be used from anywhere, and then it will be"
        );
        Rule.HasNoStaleExceptions(
            NeededByHosts.Keys.Select(type => type.FullName!),
            visible.Where(type => !contracts.Contains(type)).Select(type => type.FullName!)
        );
    }

    [Fact]
    public void Every_class_is_sealed_or_static()
    {
        var classes = Solution.All.SelectMany(Solution.Written).Where(type => type.IsClass && !IsEntryPoint(type)).ToList();

        Rule.ForEach(
            classes,
            type => type.IsSealed || Inherited.Contains(type) ? null : type.FullName,
            "nobody designed it for inheritance"
        );
        Rule.HasNoStaleExceptions(
            Inherited.Select(type => type.FullName!),
            classes.Where(type => !type.IsSealed).Select(type => type.FullName!)
        );
    }

    [Fact]
    public void Handlers_validators_behaviours_and_controllers_are_internal() =>
        Rule.ForEach(
            Solution
                .All.SelectMany(Solution.Written)
                .Where(type => type.IsClass && Working.Any(suffix => Bare(type).EndsWith(suffix, StringComparison.Ordinal))),
            type => type.IsVisible ? type.FullName : null,
            "they are found by the container, not by name"
        );

    private static readonly string[] Working = ["Handler", "Validator", "Behavior", "Controller"];

    private static string Bare(Type type) => type.Name.Split('`')[0];

    private static bool IsContract(Type type) => type.IsInterface || Solution.Requests.Contains(type) || Solution.Options.Contains(type);

    /// <summary>ASP.NET Core makes the Program class of top-level statements public.</summary>
    private static bool IsEntryPoint(Type type) => type.Assembly.EntryPoint?.DeclaringType == type;

    /// <summary>The contracts and every type in the signatures of their public members, and of those, and so on.</summary>
    private static HashSet<Type> SpokenOf(IEnumerable<Type> contracts)
    {
        var found = new HashSet<Type>();
        var open = new Queue<Type>(contracts);
        while (open.TryDequeue(out var type))
        {
            if (type.HasElementType)
            {
                open.Enqueue(type.GetElementType()!);
                continue;
            }

            foreach (var argument in type.GetGenericArguments())
            {
                open.Enqueue(argument);
            }

            if (
                type.Assembly.GetName().Name?.StartsWith("Relay.", StringComparison.Ordinal) != true
                || !found.Add(type.IsGenericType ? type.GetGenericTypeDefinition() : type)
            )
            {
                continue;
            }

            foreach (var parent in type.GetInterfaces())
            {
                open.Enqueue(parent);
            }

            foreach (
                var method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
            )
            {
                open.Enqueue(method.ReturnType);
                foreach (var parameter in method.GetParameters())
                {
                    open.Enqueue(parameter.ParameterType);
                }
            }
        }

        return found;
    }
}
