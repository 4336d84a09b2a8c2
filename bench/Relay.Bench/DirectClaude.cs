using System.Diagnostics;
using System.Text.Json;

namespace Relay.Bench;

/// <summary>
/// Claude Code, locked down as the relay does it, with nothing around it. The second and later turns of one process are the
/// floor: nothing that starts a process per completion can be faster, and nothing that keeps callers apart may do this. One
/// turn each of many processes is what the cores allow.
/// </summary>
internal sealed class DirectClaude : IAsyncDisposable
{
    private readonly Process _process;

    private DirectClaude(Process process) => _process = process;

    /// <summary>Starts a process; its first turn can be asked for at once.</summary>
    public static async Task<DirectClaude> StartAsync(string claude, string api, string home, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(
            claude,
            [
                "-p",
                "--input-format",
                "stream-json",
                "--output-format",
                "stream-json",
                "--verbose",
                "--include-partial-messages",
                "--tools",
                "",
                "--restricted",
                "--disable-slash-commands",
                "--setting-sources",
                "",
                "--strict-mcp-config",
                "--mcp-config",
                """{"mcpServers":{}}""",
                "--no-session-persistence",
                "--max-turns",
                "1",
                "--model",
                "opus",
            ]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = home,
            UseShellExecute = false,
        };
        start.Environment.Clear();
        foreach (var (name, value) in Child.Environment(api, home))
        {
            start.Environment[name] = value;
        }

        var direct = new DirectClaude(Process.Start(start)!);
        await direct.WriteAsync(
            """{"type":"control_request","request_id":"1","request":{"subtype":"initialize","systemPrompt":[]}}""",
            cancellationToken
        );
        return direct;
    }

    /// <summary>One more turn; answers how long it took.</summary>
    public async Task<TimeSpan> TurnAsync(string prompt, CancellationToken cancellationToken) =>
        (await StreamAsync(prompt, cancellationToken)).Whole;

    /// <summary>One more turn; answers how long it took, and how long from its first words to its last.</summary>
    public async Task<(TimeSpan Whole, TimeSpan Words)> StreamAsync(string prompt, CancellationToken cancellationToken)
    {
        TimeSpan? first = null;
        var last = TimeSpan.Zero;
        var watch = Stopwatch.StartNew();
        await WriteAsync(
            JsonSerializer.Serialize(
                new
                {
                    type = "user",
                    client_composed = true,
                    message = new { role = "user", content = prompt },
                }
            ),
            cancellationToken
        );
        while (await _process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            using var frame = JsonDocument.Parse(line);
            if (frame.RootElement.GetProperty("type").GetString() == "result")
            {
                return (watch.Elapsed, last - (first ?? last));
            }

            if (frame.RootElement.TryGetProperty("event", out var item) && item.GetProperty("type").ValueEquals("content_block_delta"))
            {
                last = watch.Elapsed;
                first ??= last;
            }
        }

        throw new InvalidOperationException("Claude Code ended.");
    }

    /// <summary>
    /// One turn with settings of the caller and a history, taken back after it; answers how long it took to the end of the API's message.
    /// </summary>
    /// <param name="extraBody">The fields to lay over the request's body, as JSON; null for those of the turn before.</param>
    /// <param name="turns">The messages of the conversation, from a user's to a user's.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<TimeSpan> TurnAsync(string? extraBody, IReadOnlyList<object> turns, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        if (extraBody is not null)
        {
            var settings = new { env = new { CLAUDE_CODE_EXTRA_BODY = extraBody } };
            await WriteAsync(
                JsonSerializer.Serialize(
                    new
                    {
                        type = "control_request",
                        request_id = "2",
                        request = new { subtype = "apply_flag_settings", settings },
                    }
                ),
                cancellationToken
            );
        }

        var first = Guid.NewGuid();
        for (var index = 0; index < turns.Count; index++)
        {
            var (isUser, isLast, uuid) = (index % 2 == 0, index == turns.Count - 1, index == 0 ? first : Guid.NewGuid());
            await WriteAsync(
                isUser
                    ? JsonSerializer.Serialize(
                        new
                        {
                            type = "user",
                            uuid,
                            client_composed = true,
                            shouldQuery = isLast,
                            message = turns[index],
                        }
                    )
                    : JsonSerializer.Serialize(
                        new
                        {
                            type = "assistant",
                            message = turns[index],
                            uuid,
                            session_id = string.Empty,
                        }
                    ),
                cancellationToken
            );
            if (isUser && !isLast)
            {
                await ReadToAsync("result", null, cancellationToken);
            }
        }

        await ReadToAsync("stream_event", "message_stop", cancellationToken);
        var time = watch.Elapsed;
        await ReadToAsync("result", null, cancellationToken);
        await WriteAsync(
            JsonSerializer.Serialize(
                new
                {
                    type = "control_request",
                    request_id = "3",
                    request = new { subtype = "rewind_conversation", target_message_uuid = first },
                }
            ),
            cancellationToken
        );
        await ReadToAsync("control_response", null, cancellationToken);
        return time;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task ReadToAsync(string type, string? eventType, CancellationToken cancellationToken)
    {
        while (await _process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            using var frame = JsonDocument.Parse(line);
            if (
                frame.RootElement.GetProperty("type").ValueEquals(type)
                && (eventType is null || frame.RootElement.GetProperty("event").GetProperty("type").ValueEquals(eventType))
            )
            {
                return;
            }
        }

        throw new InvalidOperationException("Claude Code ended.");
    }

    private async Task WriteAsync(string line, CancellationToken cancellationToken)
    {
        await _process.StandardInput.WriteLineAsync(line.AsMemory(), cancellationToken);
        await _process.StandardInput.FlushAsync(cancellationToken);
    }
}
