using System.Diagnostics;
using System.Reflection;
using Mono.Cecil;

namespace Relay.UnitTests.Architecture;

/// <summary>Looks into the IL, where a suppressed warning, a lambda or an alias hides nothing.</summary>
public sealed class ForbiddenCallTests
{
    private static readonly string[] StaticClock =
    [
        "System.DateTime::get_Now",
        "System.DateTime::get_UtcNow",
        "System.DateTime::get_Today",
        "System.DateTimeOffset::get_Now",
        "System.DateTimeOffset::get_UtcNow",
        "System.Diagnostics.Stopwatch::StartNew",
        "System.Diagnostics.Stopwatch::GetTimestamp",
        "System.Diagnostics.Stopwatch::.ctor",
        "System.Environment::get_TickCount",
        "System.Environment::get_TickCount64",
        "System.TimeProvider::get_System",
        "System.Threading.Thread::Sleep",
        "System.Threading.Timer::.ctor",
        "System.Threading.CancellationTokenSource::CancelAfter",
    ];

    /// <summary>Waits that run on the static clock unless they are given another.</summary>
    private static readonly string[] Waits =
    [
        "System.Threading.Tasks.Task::Delay",
        "System.Threading.Tasks.Task::WaitAsync",
        "System.Threading.Tasks.Task`1::WaitAsync",
        "System.Threading.PeriodicTimer::.ctor",
        "System.Threading.CancellationTokenSource::.ctor",
    ];

    [Fact]
    public void Only_Processes_starts_processes() =>
        Rule.ForEach(
            Solution.All.SelectMany(assembly => Solution.Calls(assembly)).Where(call => StartsProcess(call.Called)),
            call =>
                call.From.StartsWith("Relay.Infrastructure.Processes.", StringComparison.Ordinal)
                    ? null
                    : $"{call.From} calls {call.Called.FullName}",
            "one place decides what a child inherits and how it ends"
        );

    [Fact]
    public void Nothing_reads_the_static_clock()
    {
        string[] allowed =
        [
            "Relay.Application.DependencyInjection calls System.TimeProvider::get_System",
            // Their sources were made with the injected clock, which the call then uses.
            "Relay.Api.Hosting.Drain calls System.Threading.CancellationTokenSource::CancelAfter",
            "Relay.Infrastructure.ClaudeCode.ClaudeEngine calls System.Threading.CancellationTokenSource::CancelAfter",
        ];
        var calls = Solution.All.SelectMany(assembly => Solution.Calls(assembly)).ToList();
        calls
            .Should()
            .Contain(call => NameOf(call.Called) == "System.TimeProvider::GetTimestamp", "the scan must see the clock being used");

        var found = calls
            .Where(call => IsStaticClock(call.Called))
            .Select(call => $"{call.From} calls {NameOf(call.Called)}")
            .Distinct(StringComparer.Ordinal)
            .ToList();

        found.Except(allowed, StringComparer.Ordinal).Should().BeEmpty("time is injected, so that no test has to wait for it");
        Rule.HasNoStaleExceptions(allowed, found);
    }

    [Fact]
    public void Only_Processes_and_the_reader_of_files_call_native_code() =>
        Rule.ForEach(
            Solution
                .All.SelectMany(assembly => assembly.GetTypes())
                .SelectMany(type =>
                    type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.DeclaredOnly)
                )
                .Where(method => method.Attributes.HasFlag(System.Reflection.MethodAttributes.PinvokeImpl)),
            method =>
                method.DeclaringType!.FullName!.StartsWith("Relay.Infrastructure.Processes.", StringComparison.Ordinal)
                || method.DeclaringType == typeof(Relay.Infrastructure.Home.RegularFile)
                    ? null
                    : $"{method.DeclaringType}.{method.Name}",
            "a mistake there takes the whole relay with it"
        );

    [Fact]
    public void Nothing_makes_an_HTTP_client_or_writes_to_the_console()
    {
        var calls = Solution.All.SelectMany(assembly => Solution.Calls(assembly)).ToList();
        calls.Should().NotBeEmpty();

        calls
            .Where(call =>
                call.Called.DeclaringType.FullName is "System.Console" || NameOf(call.Called) == "System.Net.Http.HttpClient::.ctor"
            )
            .Select(call => $"{call.From} calls {NameOf(call.Called)}")
            .Should()
            .Equal(["Program calls System.Console::get_Out"], "--help has no log; there are named clients, loggers and writers");
    }

    private static bool StartsProcess(MethodReference method) =>
        method.DeclaringType.FullName == typeof(Process).FullName && method.Name is "Start" or ".ctor"
        || method.DeclaringType.FullName == typeof(ProcessStartInfo).FullName && method.Name == ".ctor";

    private static bool IsStaticClock(MethodReference method)
    {
        var name = NameOf(method);
        return StaticClock.Contains(name, StringComparer.Ordinal)
            || (
                Waits.Contains(name, StringComparer.Ordinal)
                && method.Parameters.Any(parameter => parameter.ParameterType.FullName is "System.TimeSpan" or "System.Int32")
                && method.Parameters.All(parameter => parameter.ParameterType.FullName != "System.TimeProvider")
            );
    }

    private static string NameOf(MethodReference method) => $"{method.DeclaringType.GetElementType().FullName}::{method.Name}";
}
