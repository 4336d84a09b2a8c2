using System.Reflection;

namespace Relay.UnitTests.Architecture;

/// <summary>Without a token a caller that left keeps a process running.</summary>
public sealed class TokenTests
{
    private static readonly Dictionary<string, string> WithoutToken = new(StringComparer.Ordinal)
    {
        ["Relay.Infrastructure.Processes.ChildProcess.StopAsync"] =
            "an end that can't be escaped can't be called off; it is bounded by its own graces",
        ["Relay.Infrastructure.Processes.ChildProcess.DisposeAsync"] = "IAsyncDisposable's signature; the same end",
        ["Relay.Infrastructure.Processes.LineReader.DisposeAsync"] = "IAsyncDisposable's signature",
        ["Relay.Infrastructure.ClaudeCode.ClaudeProcess.DisposeAsync"] = "IAsyncDisposable's signature",
        ["Relay.Infrastructure.ApiGate.GateListener.DisposeAsync"] = "IAsyncDisposable's signature",
        ["Relay.Cli.CommandSession.DisposeAsync"] = "IAsyncDisposable's signature",
        ["Relay.Application.Quotas.Admission.EndAsync"] = "what was spent counts also when the caller has left",
        ["Relay.Api.Authentication.ApiKeyAuthentication.InvokeAsync"] = "a middleware's signature",
        ["Relay.Api.Dashboard.DashboardGuard.InvokeAsync"] = "a middleware's signature; passes the context's RequestAborted on",
        ["Relay.Api.Idempotency.IdempotencyGate.InvokeAsync"] = "a middleware's signature; passes the context's RequestAborted on",
        ["Relay.Api.Streaming.EventStream.DisposeAsync"] = "IAsyncDisposable's signature; it ends its own heartbeat",
        ["Relay.Api.Quotas.FailureGate.InvokeAsync"] = "a middleware's signature; passes the context's RequestAborted on",
        ["Relay.Api.Quotas.QuotaGate.InvokeAsync"] = "a middleware's signature; passes the context's RequestAborted on",
        ["Relay.Api.Http.ErrorResponse+ErrorResult.ExecuteResultAsync"] =
            "IActionResult's signature; passes the context's RequestAborted on",
        ["Relay.Api.OpenApi.ServedDocument.ExecuteResultAsync"] = "IActionResult's signature; passes the context's RequestAborted on",
        ["Relay.Api.Http.RequestLog.InvokeAsync"] = "a middleware's signature; the token is the context's RequestAborted",
        ["Relay.Api.Hosting.Drain.InvokeAsync"] = "a middleware's signature; it is itself what cuts the context's RequestAborted",
        ["Relay.Api.Hosting.HostFilter.InvokeAsync"] = "a middleware's signature; the token is the context's RequestAborted",
        ["Relay.Api.Hosting.SilentConnections.WatchAsync"] = "a connection middleware's signature; the connection has its own end",
        ["Relay.Api.Hosting.SilentConnections.InvokeAsync"] = "a middleware's signature; the token is the context's RequestAborted",
        ["Relay.Api.Http.JsonAnswers.ExecuteAsync"] = "IActionResultExecutor's signature; passes the context's RequestAborted on",
        ["Relay.Api.Hosting.RevocationWatch.InvokeAsync"] =
            "a middleware's signature; it puts its own token into the context's RequestAborted",
        ["Relay.Api.Http.ErrorResponse.WriteAsync"] = "takes the context, whose RequestAborted it passes on",
        ["Relay.Api.Http.ErrorResponse.WriteForStatusAsync"] = "takes the context, whose RequestAborted it passes on",
    };

    [Fact]
    public void Every_public_async_method_takes_a_cancellation_token()
    {
        var methods = Solution
            .All.SelectMany(Solution.Written)
            .SelectMany(Solution.Methods)
            .Where(method => method.IsPublic && Solution.IsAsync(method))
            .ToList();

        Rule.ForEach(
            methods,
            method => TakesToken(method) || WithoutToken.ContainsKey(NameOf(method)) ? null : NameOf(method),
            "cancellation is a protocol"
        );
        Rule.HasNoStaleExceptions(WithoutToken.Keys, methods.Where(method => !TakesToken(method)).Select(NameOf));
    }

    [Fact]
    public void The_token_comes_last_and_has_no_default() =>
        Rule.ForEach(
            Solution
                .All.SelectMany(Solution.Written)
                .SelectMany(Solution.Methods)
                .Where(method => method.IsPublic && TakesToken(method) && method.Name != "Handle" && !IsOverride(method)),
            method =>
                method.GetParameters()[^1] is { HasDefaultValue: false } last && last.ParameterType == typeof(CancellationToken)
                    ? null
                    : NameOf(method),
            "a default is a token forgotten in silence"
        );

    /// <summary>The framework's own signature, default included.</summary>
    private static bool IsOverride(MethodInfo method) => method.GetBaseDefinition() != method;

    private static bool TakesToken(MethodInfo method) =>
        method.GetParameters().Any(parameter => parameter.ParameterType == typeof(CancellationToken));

    private static string NameOf(MethodInfo method) => $"{method.DeclaringType!.FullName}.{method.Name}";
}
