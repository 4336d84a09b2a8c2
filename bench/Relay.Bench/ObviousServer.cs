using System.Diagnostics;
using System.Text.Json;

namespace Relay.Bench;

/// <summary>
/// The server that one would write first, to compare with: a minimal HTTP server that starts <c>claude -p PROMPT</c> for every request.
/// No keys, no limits, no lockdown beyond a deny list: faster in everything but starting.
/// </summary>
internal static class ObviousServer
{
    private static readonly string[] Denied =
    [
        "Bash",
        "Edit",
        "Write",
        "Read",
        "Glob",
        "Grep",
        "WebFetch",
        "WebSearch",
        "Task",
        "NotebookEdit",
        "TodoWrite",
    ];

    private sealed record Body(string Prompt, string? System);

    /// <summary>Serves until it is told to stop.</summary>
    /// <param name="settings">The claude executable, the API's address, a home directory.</param>
    public static async Task RunAsync(string[] settings)
    {
        var (claude, api, home) = (settings[0], settings[1], settings[2]);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.MapPost(
            "/v1/complete",
            async (HttpContext context, CancellationToken cancellationToken) =>
            {
                var body =
                    await context.Request.ReadFromJsonAsync<Body>(cancellationToken) ?? throw new InvalidOperationException("No body.");
                var start = new ProcessStartInfo(
                    claude,
                    [
                        "-p",
                        body.Prompt,
                        "--output-format",
                        "json",
                        "--model",
                        "opus",
                        "--strict-mcp-config",
                        "--mcp-config",
                        """{"mcpServers":{}}""",
                        "--disallowed-tools",
                        .. Denied,
                    ]
                )
                {
                    RedirectStandardOutput = true,
                    RedirectStandardInput = true,
                    WorkingDirectory = home,
                    UseShellExecute = false,
                };
                if (body.System is not null)
                {
                    start.ArgumentList.Add("--system-prompt");
                    start.ArgumentList.Add(body.System);
                }

                start.Environment.Clear();
                foreach (var (name, value) in Child.Environment(api, home))
                {
                    start.Environment[name] = value;
                }

                using var process = Process.Start(start)!;
                process.StandardInput.Close();
                using var result = await JsonDocument.ParseAsync(process.StandardOutput.BaseStream, cancellationToken: cancellationToken);
                await process.WaitForExitAsync(cancellationToken);
                return Results.Json(new { ok = true, text = result.RootElement.GetProperty("result").GetString() });
            }
        );
        await app.StartAsync();
        Console.WriteLine($"listening on {app.Urls.First()}");
        await app.WaitForShutdownAsync();
    }
}
