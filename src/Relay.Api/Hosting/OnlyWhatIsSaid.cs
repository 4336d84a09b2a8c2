using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;

namespace Relay.Api.Hosting;

/// <summary>
/// Keeps in a log event only the properties that its message names. ASP.NET Core adds its scopes to every event of a request, and one
/// scope holds the path, which is the caller's free text.
/// </summary>
internal sealed class OnlyWhatIsSaid : ILogEventEnricher
{
    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        var said = logEvent
            .MessageTemplate.Tokens.OfType<PropertyToken>()
            .Select(token => token.PropertyName)
            .ToHashSet(StringComparer.Ordinal);
        foreach (
            var name in logEvent.Properties.Keys.Where(name => name != Constants.SourceContextPropertyName && !said.Contains(name)).ToList()
        )
        {
            logEvent.RemovePropertyIfPresent(name);
        }
    }
}
