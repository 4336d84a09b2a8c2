using System.Data.Common;
using Microsoft.Extensions.Options;
using Relay.Infrastructure;

namespace Relay.Cli;

/// <summary>A failure in one sentence for an operator.</summary>
internal static class Sentences
{
    public static string Of(Exception exception) =>
        exception switch
        {
            OptionsValidationException invalid => string.Join(' ', invalid.Failures),
            AggregateException several => string.Join(' ', several.Flatten().InnerExceptions.Select(Of)),
            StartupException or FormatException => exception.Message,
            UnauthorizedAccessException => $"{exception.Message} Run relayctl as the relay's user.",
            IOException => exception.Message,
            DbException => $"relay.db can't be read or written: {exception.Message}. Try again; 'relayctl doctor' looks at it.",
            _ => $"relayctl failed ({exception.GetType().Name}): {exception.Message}",
        };
}
