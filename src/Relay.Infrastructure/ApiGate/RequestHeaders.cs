using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The headers of a request to the Messages API. Only those on the list below go out, each with a value of its known form; the gate puts
/// the credential in. A header that Claude Code sends and that is not on either list is a refusal.
/// </summary>
internal static partial class RequestHeaders
{
    /// <summary>Differs from process to process.</summary>
    public const string SessionId = "X-Claude-Code-Session-Id";
    private const string RetryCount = "X-Stainless-Retry-Count";

    /// <summary>Headers that are forwarded as they came, in the order in which they are written down in a shape.</summary>
    private static readonly string[] Forwarded =
    [
        "Accept",
        "User-Agent",
        "anthropic-beta",
        "anthropic-version",
        "anthropic-dangerous-direct-browser-access",
        "x-app",
        "X-Stainless-Arch",
        "X-Stainless-Lang",
        "X-Stainless-OS",
        "X-Stainless-Package-Version",
        "X-Stainless-Runtime",
        "X-Stainless-Runtime-Version",
        "X-Stainless-Timeout",
        "X-Stainless-Helper-Method",
    ];

    /// <summary>Headers of the connection between Claude Code and the gate, and the placeholder for a credential. They end here.</summary>
    private static readonly HashSet<string> Dropped = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host",
        "Connection",
        "Content-Length",
        "Content-Type",
        "Transfer-Encoding",
        "Accept-Encoding",
        "x-api-key",
        "Authorization",
    };

    /// <summary>The headers that go out, as one text; or the name of a header that is not on the list, or has another form.</summary>
    public static string Read(IHeaderDictionary headers, out string? problem)
    {
        problem = headers.FirstOrDefault(header => !Dropped.Contains(header.Key) && !IsKnown(header.Key, header.Value.ToString())).Key;
        var text = new StringBuilder();
        foreach (var name in Forwarded)
        {
            if (headers.TryGetValue(name, out var value))
            {
                text.Append(name).Append(": ").Append(value.ToString()).Append('\n');
            }
        }

        return text.ToString();
    }

    public static IEnumerable<KeyValuePair<string, string>> Outgoing(IHeaderDictionary headers) =>
        from name in Forwarded.Append(SessionId).Append(RetryCount)
        where headers.ContainsKey(name)
        select KeyValuePair.Create(name, headers[name].ToString());

    /// <summary>The headers of a request whose <c>thinking</c> the caller set: without the beta of Claude Code's own display.</summary>
    public static string WithoutThinkingDisplay(string headers) => ThinkingDisplay().Replace(headers, string.Empty);

    [GeneratedRegex(",thinking-display-[a-z]{1,20}-[0-9-]{10}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ThinkingDisplay();

    private static bool IsKnown(string name, string value) =>
        name.Equals(SessionId, StringComparison.OrdinalIgnoreCase) ? Guid.TryParseExact(value, "D", out _)
        : name.Equals(RetryCount, StringComparison.OrdinalIgnoreCase) ? value.Length is 1 or 2 && value.All(char.IsAsciiDigit)
        : Forwarded.Contains(name, StringComparer.OrdinalIgnoreCase) && Value().IsMatch(value);

    [GeneratedRegex(@"^[A-Za-z0-9 .,;:/()*+=_-]{1,1024}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Value();
}
