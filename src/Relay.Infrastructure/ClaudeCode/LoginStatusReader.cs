using System.Text;
using System.Text.Json;
using Relay.Application.Diagnostics;
using Relay.Application.Timing;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Asks Claude Code whether it is logged in (<c>claude auth status</c>). Costs no call of the API.</summary>
internal sealed class LoginStatusReader(ProcessStarter starter, TimeProvider clock)
{
    private const int MaxLineBytes = 64 * 1024;
    private const int MaxLines = 200;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static IReadOnlyList<string> Arguments { get; } = ["auth", "status", "--json"];

    /// <summary>Runs a command with <see cref="Arguments"/>.</summary>
    /// <returns>Null for an answer in an unknown form.</returns>
    /// <exception cref="System.ComponentModel.Win32Exception">The executable can't be run.</exception>
    public async Task<ClaudeLoginStatus?> ReadAsync(ProcessSpec spec, CancellationToken cancellationToken)
    {
        await using var child = await starter.StartAsync(spec, MaxLineBytes, cancellationToken);
        await child.Stdin.DisposeAsync();
        using var deadline = new Deadline(Patience, clock, cancellationToken);
        var answer = new StringBuilder();
        try
        {
            for (
                var lines = 0;
                lines < MaxLines && await child.Stdout.ReadAsync(line => Encoding.UTF8.GetString(in line), deadline.Token) is { } line;
                lines++
            )
            {
                answer.Append(line).Append('\n');
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
        catch (LineTooLongException)
        {
            return null;
        }

        return Parse(answer.ToString());
    }

    private static ClaudeLoginStatus? Parse(string answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.Member("loggedIn") is { ValueKind: JsonValueKind.True or JsonValueKind.False } loggedIn
                ? new ClaudeLoginStatus(loggedIn.GetBoolean(), document.RootElement.Text("authMethod") ?? "unknown")
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
