using System.Diagnostics;
using System.Text.Json;

namespace Relay.EndToEndTests;

/// <summary>
/// The page of the API's description in a real browser: it works under its policy, and asks nobody but the relay. A screenshot is in
/// artifacts/docs.
/// </summary>
public sealed class DocsBrowserTests(DashboardRelay relay) : IClassFixture<DashboardRelay>
{
    [Fact(Timeout = 180_000)]
    public async Task The_page_shows_every_group_of_routes_and_loads_nothing_from_elsewhere()
    {
        var seen = await OpenAsync();

        seen.GetProperty("failure").ValueKind.Should().Be(JsonValueKind.Null, seen.GetRawText());
        seen.GetProperty("text")
            .GetString()
            .Should()
            .ContainAll("Completions", "Anthropic's API", "Idempotency-Key", "HEARTBEAT_AFTER", "stream: true");
        Texts(seen, "foreign").Should().BeEmpty();
        Texts(seen, "asked").Should().BeEquivalentTo("/docs", "/docs/scalar.js", "/docs/start.js", "/openapi/v1.json");
        Texts(seen, "stored")
            .Should()
            .NotContain(name => name.Contains("auth", StringComparison.OrdinalIgnoreCase), "a key that a reader tries stays in the page");
        // Scalar asks whether it may compile text into code, and goes on without.
        seen.GetProperty("inline").GetString().Should().Be("claude-relay API", "a script in the page does not run");
        Texts(seen, "console").Should().HaveCount(3).And.Contain("CSP: script-src eval").And.Contain("CSP: script-src-elem inline");
    }

    private static IEnumerable<string> Texts(JsonElement seen, string name) =>
        seen.GetProperty(name).EnumerateArray().Select(text => text.GetString()!);

    private async Task<JsonElement> OpenAsync()
    {
        using var profile = new TemporaryDirectory();
        var shots = Directory.CreateDirectory(Path.Combine(TestMachine.Root, "artifacts", "docs"));
        var start = new ProcessStartInfo("node", [Path.Combine(TestMachine.BrowserTools, "docs.mjs")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["RELAY_URL"] = relay.Origin;
        start.Environment["RELAY_CHROMIUM"] = TestMachine.Chromium;
        start.Environment["RELAY_SHOTS"] = shots.FullName;
        start.Environment["RELAY_PROFILE"] = profile.Path;
        using var node = Process.Start(start)!;
        var output = node.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = node.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        catch
        {
            node.Kill(entireProcessTree: true);
            throw;
        }

        node.ExitCode.Should().Be(0, await error);
        return JsonElement.Parse(await output);
    }
}
