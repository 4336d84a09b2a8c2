using System.ClientModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;
using OpenAI;
using OpenAI.Chat;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// Client libraries with tools, unmodified, over the real CLI: each gets a base URL and a key, and nothing else. Writes the table of
/// docs/clients.md; the JavaScript half is tests/sdks/tools.mjs.
/// </summary>
public sealed class ToolClientTests(ToolClientTests.Fixture fixture) : IClassFixture<ToolClientTests.Fixture>
{
    private const string Begin = "<!-- clients -->\n";
    private const string End = "<!-- /clients -->";
    private const string City = """{"city":"Bonn","days":3}""";
    private const string Schema = """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""";

    private int _runs;

    [OnlyWithAll]
    [Fact(Timeout = 300_000)]
    public async Task Client_libraries_work_with_tools_by_base_URL_and_key()
    {
        var seen = new List<(string Client, string Feature, string? Error)>();
        seen.AddRange(await RunNodeAsync());
        foreach (var (client, feature, run) in DotnetChecks())
        {
            _runs = 0;
            seen.Add((client, feature, await FailureAsync(run, Words(client, feature))));
        }

        seen.Where(row => row.Error is not null)
            .Select(row => $"{row.Client}, {row.Feature}: {row.Error}")
            .Should()
            .BeEmpty(string.Join('\n', fixture.Relay.Program.Log.TakeLast(30)));
        await CheckTableAsync(seen);
    }

    private IEnumerable<(string Client, string Feature, Func<string, Task> Run)> DotnetChecks()
    {
        yield return ("OpenAI SDK (.NET)", "tool loop, three rounds", RunOpenAiAsync);
        yield return ("OpenAI SDK (.NET)", "tool call, streamed", StreamOpenAiAsync);
        yield return ("Anthropic SDK (.NET)", "tool loop, three rounds", RunAnthropicAsync);
        yield return (
            "Microsoft.Extensions.AI over OpenAI's SDK",
            "function invocation, three rounds",
            words => RunExtensionsAsync(words, isStream: false)
        );
        yield return (
            "Microsoft.Extensions.AI over OpenAI's SDK",
            "function invocation, streamed",
            words => RunExtensionsAsync(words, isStream: true)
        );
        yield return ("Microsoft.Extensions.AI over OpenAI's SDK", "function invocation and a typed answer", RunTypedAsync);
        yield return ("Microsoft Agent Framework", "agent with a tool, three rounds", RunAgentAsync);
        yield return ("Semantic Kernel", "automatic function calls, three rounds", RunKernelAsync);
    }

    private async Task RunOpenAiAsync(string words)
    {
        var options = new ChatCompletionOptions
        {
            Tools = { ChatTool.CreateFunctionTool("weather", "Tells the weather of a city.", BinaryData.FromString(Schema)) },
        };
        List<OpenAI.Chat.ChatMessage> messages = [new UserChatMessage(words)];
        while (true)
        {
            var answer = (await OpenAiClient().CompleteChatAsync(messages, options, TestContext.Current.CancellationToken)).Value;
            messages.Add(new AssistantChatMessage(answer));
            if (answer.FinishReason != OpenAI.Chat.ChatFinishReason.ToolCalls)
            {
                ShouldBeMild(answer.Content[0].Text);
                return;
            }

            messages.AddRange(
                answer.ToolCalls.Select(call => new ToolChatMessage(
                    call.Id,
                    Weather(JsonElement.Parse(call.FunctionArguments.ToString()).GetProperty("city").GetString()!)
                ))
            );
        }
    }

    private async Task StreamOpenAiAsync(string words)
    {
        var options = new ChatCompletionOptions
        {
            Tools = { ChatTool.CreateFunctionTool("weather", "Tells the weather of a city.", BinaryData.FromString(Schema)) },
        };
        var (name, arguments) = (string.Empty, string.Empty);
        OpenAI.Chat.ChatFinishReason? reason = null;
        await foreach (
            var update in OpenAiClient()
                .CompleteChatStreamingAsync([new UserChatMessage(words)], options, TestContext.Current.CancellationToken)
        )
        {
            name += string.Concat(update.ToolCallUpdates.Select(call => call.FunctionName));
            arguments += string.Concat(update.ToolCallUpdates.Select(call => call.FunctionArgumentsUpdate?.ToString()));
            reason = update.FinishReason ?? reason;
        }

        name.Should().Be("weather");
        JsonElement.Parse(arguments).GetProperty("city").GetString().Should().Be("Bonn");
        reason.Should().Be(OpenAI.Chat.ChatFinishReason.ToolCalls);
    }

    private async Task RunAnthropicAsync(string words)
    {
        var client = new AnthropicClient { ApiKey = fixture.Relay.Key, BaseUrl = fixture.Relay.Url };
        List<MessageParam> messages = [new UserMessageParam(words)];
        while (true)
        {
            var answer = await client.Messages.Create(
                new MessageCreateParams
                {
                    Model = "sonnet",
                    MaxTokens = 4096,
                    Messages = messages,
                    Tools =
                    [
                        new Anthropic.Models.Messages.Tool
                        {
                            Name = "weather",
                            InputSchema = JsonSerializer.Deserialize<InputSchema>(Schema)!,
                        },
                    ],
                },
                TestContext.Current.CancellationToken
            );
            var results = new List<ContentBlockParam>();
            var said = new List<ContentBlockParam>();
            foreach (var block in answer.Content)
            {
                if (block.TryPickToolUse(out var call))
                {
                    said.Add(
                        new ToolUseBlockParam
                        {
                            ID = call.ID,
                            Name = call.Name,
                            Input = call.Input,
                        }
                    );
                    results.Add(new ToolResultBlockParam { ToolUseID = call.ID, Content = Weather(call.Input["city"].GetString()!) });
                }
                else if (block.TryPickText(out var text))
                {
                    said.Add(new TextBlockParam { Text = text.Text });
                }
            }

            if (results.Count == 0)
            {
                answer.Content[^1].TryPickText(out var last);
                ShouldBeMild(last!.Text);
                return;
            }

            messages.Add(new AssistantMessageParam(said));
            messages.Add(new UserMessageParam(results));
        }
    }

    private async Task RunExtensionsAsync(string words, bool isStream)
    {
        using var client = OpenAiClient().AsIChatClient().AsBuilder().UseFunctionInvocation().Build();
        var options = new ChatOptions
        {
            Tools = [AIFunctionFactory.Create((string city) => Weather(city), "weather", "Tells the weather of a city.")],
            Temperature = 0,
        };
        if (!isStream)
        {
            ShouldBeMild((await client.GetResponseAsync(words, options, TestContext.Current.CancellationToken)).Messages[^1].Text);
            return;
        }

        var text = new StringBuilder();
        await foreach (var update in client.GetStreamingResponseAsync(words, options, TestContext.Current.CancellationToken))
        {
            text.Append(update.Text);
        }

        ShouldBeMild(text.ToString().Split("look.")[^1]);
    }

    private async Task RunTypedAsync(string words)
    {
        using var client = OpenAiClient().AsIChatClient().AsBuilder().UseFunctionInvocation().Build();
        var options = new ChatOptions
        {
            Tools = [AIFunctionFactory.Create((string city) => Weather(city), "weather", "Tells the weather of a city.")],
        };

        var answer = await client.GetResponseAsync<Stay>(words, options, cancellationToken: TestContext.Current.CancellationToken);

        answer.Result.Should().Be(new Stay("Bonn", 3));
        _runs.Should().Be(3, "each round calls the tool once");
    }

    private async Task RunKernelAsync(string words)
    {
        var builder = Kernel.CreateBuilder();
        builder.AddOpenAIChatCompletion("sonnet", new Uri($"{fixture.Relay.Url}/v1"), fixture.Relay.Key);
        var kernel = builder.Build();
        kernel.Plugins.AddFromFunctions(
            "town",
            [KernelFunctionFactory.CreateFromMethod((string city) => Weather(city), "weather", "Tells the weather of a city.")]
        );
        var history = new ChatHistory();
        history.AddUserMessage(words);
        var settings = new OpenAIPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };
        var answer = await kernel
            .GetRequiredService<IChatCompletionService>()
            .GetChatMessageContentAsync(history, settings, kernel, TestContext.Current.CancellationToken);
        ShouldBeMild(answer.Content!);
    }

    private async Task RunAgentAsync(string words)
    {
        var agent = new ChatClientAgent(
            OpenAiClient().AsIChatClient(),
            instructions: "Be brief.",
            tools: [AIFunctionFactory.Create((string city) => Weather(city), "weather", "Tells the weather of a city.")]
        );
        ShouldBeMild(
            (await agent.RunAsync(words, cancellationToken: TestContext.Current.CancellationToken)).Text.Split("look.")[^1].Trim()
        );
    }

    private string Weather(string city)
    {
        _runs++;
        return $"{city}: 12 °C";
    }

    private void ShouldBeMild(string text)
    {
        text.Should().Be("It is mild.");
        _runs.Should().Be(3, "each round calls the tool once");
    }

    private ChatClient OpenAiClient() =>
        new("sonnet", new ApiKeyCredential(fixture.Relay.Key), new OpenAIClientOptions { Endpoint = new Uri($"{fixture.Relay.Url}/v1") });

    private static string Words(string client, string feature)
    {
        var does =
            client == "Semantic Kernel" ? "town x3"
            : feature.EndsWith("typed answer", StringComparison.Ordinal) ? "weather x3, then City"
            : "weather x3";
        return $"[{does}] {client} {feature}";
    }

    private static async Task<string?> FailureAsync(Func<string, Task> run, string words)
    {
        try
        {
            await run(words);
            return null;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return $"{exception.GetType().Name}: {exception.Message}";
        }
    }

    private async Task<IEnumerable<(string Client, string Feature, string? Error)>> RunNodeAsync()
    {
        var start = new ProcessStartInfo("node", [Path.Combine(TestMachine.Sdks, "tools.mjs")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["RELAY_URL"] = fixture.Relay.Url;
        start.Environment["RELAY_KEY"] = fixture.Relay.Key;
        using var node = Process.Start(start)!;
        var output = node.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = node.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        node.ExitCode.Should().Be(0, await error);
        return (await output)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line.StartsWith('{'))
            .Select(line => JsonElement.Parse(line))
            .Select(row =>
                (row.GetProperty("client").GetString()!, row.GetProperty("feature").GetString()!, row.GetProperty("error").GetString())
            );
    }

    private static async Task CheckTableAsync(IReadOnlyList<(string Client, string Feature, string? Error)> seen)
    {
        var table = new StringBuilder("| client | works, as tested |\n|---|---|\n");
        foreach (var client in seen.GroupBy(row => row.Client, StringComparer.Ordinal))
        {
            table.Append(CultureInfo.InvariantCulture, $"| {client.Key} | {string.Join("; ", client.Select(row => row.Feature))} |\n");
        }

        var file = Path.Combine(TestMachine.Root, "docs", "clients.md");
        var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, text.IndexOf(End, StringComparison.Ordinal));
        if (Environment.GetEnvironmentVariable("RELAY_APPROVE_DOCS") == "1")
        {
            await File.WriteAllTextAsync(file, text[..begin] + table + text[end..], TestContext.Current.CancellationToken);
        }
        else
        {
            text[begin..end].Should().Be(table.ToString(), "RELAY_APPROVE_DOCS=1 writes it anew");
        }
    }

    /// <summary>The typed answer: that of <see cref="City"/>.</summary>
    private sealed record Stay(string City, int Days);

    /// <summary>A relay, and what the model does for each word in brackets.</summary>
    public sealed class Fixture : IAsyncLifetime
    {
        internal RealRelay Relay { get; } = new();

        public async ValueTask InitializeAsync()
        {
            await Relay.InitializeAsync();
            var rounds = new Behavior
            {
                ToolRounds = 3,
                Text = "It is mild.",
                Thought = "Let me look.",
                BeforeCalls = "Let me look.",
            };
            Relay.Api.When(
                "[weather x3, then City]",
                new Behavior
                {
                    ToolRounds = 3,
                    ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}""")],
                    StructuredOutput = City,
                }
            );
            Relay.Api.When("[weather x3]", rounds with { ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}""")] });
            Relay.Api.When("[town x3]", rounds with { ToolCalls = [ToolCall.Of("town-weather", """{"city":"Bonn"}""")] });
            Relay.Api.When("[City]", new Behavior { ToolCalls = [ToolCall.Of("City", City)] });
            Relay.Api.When("[schema]", new Behavior { StructuredOutput = City });
            Relay.Api.When("[object] Vercel AI SDK, OpenAI", new Behavior { StructuredOutput = City });
            Relay.Api.When("[object] Vercel AI SDK, Anthropic", new Behavior { ToolCalls = [ToolCall.Of("json", City)] });
        }

        public ValueTask DisposeAsync() => Relay.DisposeAsync();
    }
}
