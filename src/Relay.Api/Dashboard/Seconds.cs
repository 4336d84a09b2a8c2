using Relay.Domain;

namespace Relay.Api.Dashboard;

/// <summary>Reads times in bodies, which are whole seconds.</summary>
internal static class Seconds
{
    /// <summary>Replaces any longer time. The commands check the exact bounds.</summary>
    private const long Most = 10L * 366 * 24 * 60 * 60;

    public static Result<TimeSpan> Parse(string field, long seconds) =>
        seconds is >= 0 and <= Most
            ? TimeSpan.FromSeconds(seconds)
            : RelayError.Invalid(field, $"'{field}' takes a number of seconds from 0 to {Most}.");
}
