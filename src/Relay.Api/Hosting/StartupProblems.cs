using Microsoft.Extensions.Options;
using Relay.Infrastructure;

namespace Relay.Api.Hosting;

/// <summary>Tells problems that an operator can mend from bugs.</summary>
internal static class StartupProblems
{
    /// <summary>Every problem as a sentence; empty for an exception that is not about the configuration.</summary>
    public static IReadOnlyList<string> Of(Exception exception) =>
        exception switch
        {
            OptionsValidationException invalid => [.. invalid.Failures],
            AggregateException several when several.InnerExceptions.All(inner => inner is OptionsValidationException) =>
            [
                .. several.InnerExceptions.SelectMany(Of),
            ],
            StartupException or FormatException => [exception.Message],
            IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } =>
            [
                $"{exception.Message} Stop the other program, or choose another PORT or METRICS_PORT.",
            ],
            UnauthorizedAccessException => [$"{exception.Message} RELAY_HOME must be writable by this user."],
            _ => [],
        };
}
