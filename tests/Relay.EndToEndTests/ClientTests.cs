using System.Diagnostics;
using System.Text.RegularExpressions;
using ClaudeRelay.Client;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>The project's own clients: their tests, their examples as they stand, and what they do with a running relay.</summary>
[Collection(nameof(RealRelay))]
public sealed partial class ClientTests(ClientTests.Fixture relay) : IClassFixture<ClientTests.Fixture>
{
    private static readonly string Clients = Path.Combine(TestMachine.Root, "clients");

    /// <summary>A program for each of the two clients that uses a running relay and prints the same words.</summary>
    private const string JavaScript = """
        import { inspect } from "node:util";
        import { ClaudeRelay } from "claude-relay-client";
        const relay = new ClaudeRelay({ maxRetries: 1 });
        const failure = async (act) => { try { await act(); return "none"; } catch (error) { return `${error.constructor.name} ${error.status} ${error.code}`; } };
        console.log((await relay.complete({ messages: [{ role: "user", content: "one" }, { role: "assistant", content: "two" }, { role: "user", content: "client: turns" }] })).text);
        console.log(JSON.stringify((await relay.complete({ prompt: "client: schema", jsonSchema: { type: "object" } })).structuredOutput));
        console.log(await failure(() => relay.fetchPage("http://127.0.0.1/")));
        console.log((await relay.usage()).key);
        console.log(await failure(() => new ClaudeRelay({ key: "wrong" }).models()));
        console.log(await failure(async () => { for await (const text of relay.stream("client: breaks off")) { } }));
        const key = crypto.randomUUID();
        console.log((await relay.complete("client: twice", { idempotencyKey: key })).text === (await relay.complete("client: twice", { idempotencyKey: key })).text);
        for await (const text of relay.stream("client: endless js")) { break; }
        console.log(inspect(relay).includes(process.env.CLAUDE_RELAY_KEY));
        """;

    private const string Python = """
        import asyncio, os, uuid
        from claude_relay import AsyncClaudeRelay, ClaudeRelay, RelayError

        def failure(act):
            try:
                act()
                return "none"
            except RelayError as error:
                return f"{type(error).__name__} {error.status} {error.code}"

        relay = ClaudeRelay(max_retries=1)
        print(relay.complete(messages=[{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "client: turns"}]).text)
        print(str(relay.complete("client: schema", json_schema={"type": "object"}).structured_output).replace("'", '"').replace(" ", ""))
        print(failure(lambda: relay.fetch_page("http://127.0.0.1/")))
        print(relay.usage()["key"])
        print(failure(lambda: ClaudeRelay(key="wrong").models()))
        print(failure(lambda: list(relay.stream("client: breaks off"))))
        key = str(uuid.uuid4())
        print(str(relay.complete("client: twice", idempotency_key=key).text == relay.complete("client: twice", idempotency_key=key).text).lower())

        async def leave():
            async with AsyncClaudeRelay().stream("client: endless py") as stream:
                async for text in stream:
                    break

        asyncio.run(leave())
        print(str(os.environ["CLAUDE_RELAY_KEY"] in repr(relay)).lower())
        """;

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task The_JavaScript_client_passes_its_own_tests_and_can_be_packed()
    {
        var folder = Path.Combine(Clients, "typescript");

        (await RunAsync(folder, "npm", "test")).Should().Contain("# fail 0");
        (await RunAsync(folder, "npm", "pack", "--dry-run", "--json"))
            .Should()
            .Contain("index.js")
            .And.Contain("index.d.ts")
            .And.NotContain("client.test.js");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task The_JavaScript_client_and_its_example_work_on_a_running_relay()
    {
        using var folder = new TemporaryDirectory();
        Directory.CreateDirectory(Path.Combine(folder.Path, "node_modules"));
        Directory.CreateSymbolicLink(Path.Combine(folder.Path, "node_modules", "claude-relay-client"), Path.Combine(Clients, "typescript"));
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "example.mjs"),
            ExampleOf("typescript", "js"),
            TestContext.Current.CancellationToken
        );
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "more.mjs"), JavaScript, TestContext.Current.CancellationToken);

        var example = await RunAsync(folder.Path, "node", "example.mjs");
        var more = await RunAsync(folder.Path, "node", "more.mjs");

        CheckExample(example);
        more.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Should()
            .Equal(
                "client: turns",
                """{"a":1}""",
                "BadRequestError 400 url_rejected",
                "app",
                "AuthenticationError 401 unauthorized",
                "ServerError null upstream_error",
                "true",
                "false"
            );
        await ShouldBeLeftAsync("client: endless js");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task The_Python_client_passes_its_own_tests() =>
        await RunAsync(Path.Combine(Clients, "python"), "python3", "-m", "unittest"); // It fails by its exit code.

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task The_Python_client_and_its_example_work_on_a_running_relay()
    {
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "example.py"),
            ExampleOf("python", "python"),
            TestContext.Current.CancellationToken
        );
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "more.py"), Python, TestContext.Current.CancellationToken);

        var example = await RunAsync(folder.Path, "python3", "example.py");
        var more = await RunAsync(folder.Path, "python3", "more.py");

        CheckExample(example);
        more.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Should()
            .Equal(
                "client: turns",
                """{"a":1}""",
                "BadRequestError 400 url_rejected",
                "app",
                "AuthenticationError 401 unauthorized",
                "ServerError None upstream_error",
                "true",
                "false"
            );
        await ShouldBeLeftAsync("client: endless py");
    }

    [Theory]
    [InlineData("", 0, null, false, null, 0, null)]
    [InlineData(
        "\"pages\":3,\"open_graph\":[{\"name\":\"type\",\"content\":\"x\"}],\"needs_javascript\":true,\"needs_javascript_reason\":\""
            + "empty_root\",\"data\":[{\"id\":\"a\",\"content\":{\"b\":1}}],\"refresh_url\":\"v\",",
        1,
        3,
        true,
        "empty_root",
        1,
        "v"
    )]
    public async Task The_dotnet_client_reads_all_of_a_page(
        string more,
        int properties,
        int? pages,
        bool needsScripts,
        string? reason,
        int data,
        string? refresh
    )
    {
        using var http = new HttpClient(
            new FixedAnswer(
                $$"""{{{more}}"ok":true,"status":200,"final_url":"u","truncated":false,"text":"Hi","content_type":null,"charset":null,"title":null,"description":null,"language":null,"canonical":null,"json_ld":[],"redirects":[],"total_chars":2,"next_offset":null,"bytes":2,"duration_ms":1}"""
            )
        );
        var client = new ClaudeRelayClient(http, new ClaudeRelayOptions { Url = new Uri("http://relay.example"), Key = "crk_live_key" });

        var page = await client.FetchPageAsync("u", cancellationToken: TestContext.Current.CancellationToken);

        (page.Content, page.OpenGraph.Count, page.Pages, page.NeedsJavascript, page.NeedsJavascriptReason, page.Data.Count, page.RefreshUrl)
            .Should()
            .Be(("Hi", properties, pages, needsScripts, reason, data, refresh));
    }

    private sealed class FixedAnswer(string json) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage { Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json") });
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task The_dotnet_client_works_on_a_running_relay()
    {
        var token = TestContext.Current.CancellationToken;
        using var http = new HttpClient();
        ClaudeRelayClient Client(string key, int retries = 1) =>
            new(
                http,
                new ClaudeRelayOptions
                {
                    Url = new Uri(relay.Real.Url),
                    Key = key,
                    MaxRetries = retries,
                }
            );
        var client = Client(relay.Real.Key);

        (
            await client.CompleteAsync(
                new CompletionRequest
                {
                    Messages =
                    [
                        ChatMessage.User("one"),
                        ChatMessage.Assistant("two"),
                        ChatMessage.User("client: turns", ContentPart.Image("image/gif", Convert.FromBase64String("R0lGODlhAQABAAAAACw="))),
                    ],
                },
                cancellationToken: token
            )
        )
            .Text.Should()
            .Be("client: turns");
        (
            await client.CompleteAsync(
                new CompletionRequest
                {
                    Prompt = "client: schema",
                    JsonSchema = System.Text.Json.JsonElement.Parse("""{"type":"object"}"""),
                },
                cancellationToken: token
            )
        )
            .StructuredOutput!.Value.GetRawText()
            .Should()
            .Be("""{"a":1}""");
        var events = new List<CompletionEvent>();
        await foreach (var item in client.StreamAsync("client: stream", cancellationToken: token))
        {
            events.Add(item);
        }

        events[0].Should().BeOfType<CompletionStarted>();
        string.Concat(events.OfType<CompletionDelta>().Select(delta => delta.Text)).Should().Be("client: stream");
        events[^1].Should().BeOfType<CompletionDone>().Which.StopReason.Should().Be("end_turn");
        (await client.ModelsAsync(token)).Models.Should().Contain("opus");
        (await client.UsageAsync(token)).GetProperty("key").GetString().Should().Be("app");
        (
            await ((Func<Task>)(() => client.FetchPageAsync("http://127.0.0.1/", cancellationToken: token)))
                .Should()
                .ThrowAsync<ClaudeRelayBadRequestException>()
        )
            .Which.Code.Should()
            .Be("url_rejected");
        (await ((Func<Task>)(() => Client("wrong").ModelsAsync(token))).Should().ThrowAsync<ClaudeRelayAuthenticationException>())
            .Which.RequestId.Should()
            .StartWith("req_");
        (await (
                (Func<Task>)(
                    async () =>
                    {
                        await foreach (var item in client.StreamAsync("client: breaks off", cancellationToken: token))
                        {
                            events.Add(item);
                        }
                    }
                )
            ).Should().ThrowAsync<ClaudeRelayServerException>()).Which.Code.Should().Be("upstream_error");
        var scarce = Client(await relay.Real.Program.MintAsync("scarce", "--daily", "1"));
        await scarce.CompleteAsync("client: scarce", cancellationToken: token);
        (
            await ((Func<Task>)(() => scarce.CompleteAsync("client: scarce", cancellationToken: token)))
                .Should()
                .ThrowAsync<ClaudeRelayRateLimitException>("midnight is too far to be waited for")
        )
            .Which.RetryAfter.Should()
            .BeGreaterThan(TimeSpan.FromSeconds(60));
        await foreach (var _ in client.StreamAsync("client: endless net", cancellationToken: token))
        {
            break;
        }

        await ShouldBeLeftAsync("client: endless net");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task The_dotnet_clients_example_works_as_it_stands()
    {
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "Program.cs"),
            ExampleOf("csharp", "csharp"),
            TestContext.Current.CancellationToken
        );
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "example.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings><Nullable>enable</Nullable></PropertyGroup>
              <ItemGroup>
                <FrameworkReference Include="Microsoft.AspNetCore.App" />
                <Reference Include="{typeof(ClaudeRelayClient).Assembly.Location}" />
              </ItemGroup>
            </Project>
            """,
            TestContext.Current.CancellationToken
        );

        CheckExample(await RunAsync(folder.Path, TestMachine.DotNet, "run"));
    }

    private static void CheckExample(string output) =>
        output
            .Should()
            .Contain("opus, sonnet, haiku")
            .And.Contain("What is the capital of France? One word. (")
            .And.Contain("Write a haiku about relays.\n(end_turn");

    private static string ExampleOf(string client, string language)
    {
        var readme = File.ReadAllText(Path.Combine(Clients, client, "README.md"));
        return CodeBlock().Matches(readme).Single(block => block.Groups["language"].Value == language).Groups["code"].Value;
    }

    private Task ShouldBeLeftAsync(string prompt) =>
        relay.Real.Program.EventuallyAsync(
            () => Task.FromResult(relay.Real.RequestsOf(prompt) is [{ IsAborted: true }]),
            "the model goes on although its reader has left"
        );

    private async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["CLAUDE_RELAY_URL"] = relay.Real.Url;
        start.Environment["CLAUDE_RELAY_KEY"] = relay.Real.Key;
        start.Environment["PYTHONPATH"] = Path.Combine(Clients, "python");
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.Should().Be(0, $"{await output}\n{await error}");
        return await output;
    }

    [GeneratedRegex(
        "^```(?<language>\\w+)\n(?<code>.*?)^```",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex CodeBlock();

    /// <summary>Answers of the API to the prompts of this class.</summary>
    public sealed class Fixture
    {
        public Fixture(RealRelay real)
        {
            Real = real;
            Real.Api.When("client: schema", new Behavior { StructuredOutput = """{"a":1}""" });
            Real.Api.When("client: breaks off", new Behavior { Words = 40, Failure = UpstreamFailure.BrokenStream });
            Real.Api.When("client: endless", new Behavior { Words = 2000, BetweenTokens = TimeSpan.FromMilliseconds(50) });
        }

        internal RealRelay Real { get; }
    }
}
