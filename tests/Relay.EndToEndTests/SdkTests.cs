using System.ClientModel;
using System.Diagnostics;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Models;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>The four official SDKs, unmodified, with only a base URL and a key: what apps have already.</summary>
[Collection(nameof(RealRelay))]
public sealed class SdkTests(SdkTests.Fixture relay) : IClassFixture<SdkTests.Fixture>
{
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    private const string Schema =
        """{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}""";

    private readonly int _leaversBefore = Leavers(relay);

    [Theory(Timeout = 120_000)]
    [InlineData("openai")]
    [InlineData("anthropic", Traits = ["Extent", "all"])]
    public async Task The_JavaScript_SDKs_feel_at_home(string sdk)
    {
        var seen = await RunNodeAsync(sdk);

        seen.GetProperty("whole").GetProperty("text").GetString().Should().Be($"sdk {sdk}: whole");
        seen.GetProperty("whole").GetProperty("id").GetString().Should().StartWith("req_");
        seen.GetProperty("stream").GetProperty("text").GetString().Should().Be($"sdk {sdk}: stream");
        seen.GetProperty("stream").GetProperty("pieces").GetInt32().Should().BeGreaterThan(3);
        seen.GetProperty("helper").GetProperty("text").GetString().Should().Be($"sdk {sdk}: stream");
        seen.GetProperty("turns").GetProperty("text").GetString().Should().Be($"sdk {sdk}: second");
        seen.GetProperty("image").GetProperty("text").GetString().Should().Be($"sdk {sdk}: image");
        seen.GetProperty("schema").GetRawText().Should().Be("""{"a":1}""");
        seen.GetProperty("models")
            .GetProperty("list")
            .EnumerateArray()
            .Select(model => model.GetString())
            .Should()
            .StartWith(["opus", "sonnet", "haiku", "gpt-4o"])
            .And.Contain("claude-sonnet-4-5");
        seen.GetProperty("models").GetProperty("one").GetString().Should().Be("claude-sonnet-5-5");
        CheckConversation(sdk);

        Error(seen, "unauthorized").Should().Be(("AuthenticationError", 401));
        Error(seen, "unknownModel").Should().Be(("NotFoundError", 404));
        Error(seen, "tools").Should().Be(("BadRequestError", 400));
        Error(seen, "tooLarge").Status.Should().Be(413);
        Error(seen, "upstream").Should().Be(sdk == "openai" ? ("InternalServerError", 503) : ("OverloadedError", 529));
        Error(seen, "daily").Should().Be(("RateLimitError", 429));
        Error(seen, "tight").Should().Be(("RateLimitError", 429));
        seen.GetProperty("daily").GetProperty("ms").GetInt32().Should().BeLessThan(2000, "nobody sleeps until tomorrow");
        seen.GetProperty("broken").GetProperty("error").GetString().Should().NotBeNull();
        seen.GetProperty("broken").GetProperty("pieces").GetInt32().Should().BePositive();
        if (sdk == "openai")
        {
            seen.GetProperty("tools").GetProperty("param").GetString().Should().Be("tools[0]", "hosted tools are refused");
            seen.GetProperty("temperature").GetProperty("ignored").GetString().Should().Be("nothing", "a temperature counts");
            seen.GetProperty("unknownModel").GetProperty("code").GetString().Should().Be("model_not_found");
            Error(seen, "noSuchModel").Should().Be(("NotFoundError", 404));
        }
        else
        {
            seen.GetProperty("tools").GetProperty("type").GetString().Should().Be("invalid_request_error");
            seen.GetProperty("tools").GetProperty("id").GetString().Should().StartWith("req_");
            seen.GetProperty("count").GetInt32().Should().Be(101);
        }

        await ShouldBeLeftAsync($"sdk {sdk}: endless");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task OpenAIs_dotnet_SDK_feels_at_home()
    {
        var token = TestContext.Current.CancellationToken;
        ChatClient Client(string key, string model = "sonnet") =>
            new(model, new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = new Uri($"{relay.Real.Url}/v1") });
        var client = Client(relay.Real.Key);

        (await client.CompleteChatAsync([new UserChatMessage("sdk openai.net: whole")], cancellationToken: token))
            .Value.Content[0]
            .Text.Should()
            .Be("sdk openai.net: whole");
        var pieces = new List<string>();
        await foreach (
            var update in client.CompleteChatStreamingAsync([new UserChatMessage("sdk openai.net: stream")], cancellationToken: token)
        )
        {
            pieces.AddRange(update.ContentUpdate.Select(part => part.Text));
        }

        string.Concat(pieces).Should().Be("sdk openai.net: stream");
        List<ChatMessage> turns = [new SystemChatMessage("sdk system"), new UserChatMessage("sdk openai.net: first")];
        turns.Add(new AssistantChatMessage((await client.CompleteChatAsync(turns, cancellationToken: token)).Value));
        turns.Add(new UserChatMessage("sdk openai.net: second"));
        (await client.CompleteChatAsync(turns, cancellationToken: token)).Value.Content[0].Text.Should().Be("sdk openai.net: second");
        var picture = ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(Convert.FromBase64String(Png)), "image/png");
        (
            await client.CompleteChatAsync(
                [new UserChatMessage(ChatMessageContentPart.CreateTextPart("sdk openai.net: image"), picture)],
                cancellationToken: token
            )
        )
            .Value.Content[0]
            .Text.Should()
            .Be("sdk openai.net: image");
        var format = new ChatCompletionOptions
        {
            ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("answer", BinaryData.FromString(Schema), jsonSchemaIsStrict: true),
        };
        (await client.CompleteChatAsync([new UserChatMessage("sdk openai.net: schema")], format, token))
            .Value.Content[0]
            .Text.Should()
            .Be("""{"a":1}""");
        var models = new OpenAIModelClient(
            new ApiKeyCredential(relay.Real.Key),
            new OpenAIClientOptions { Endpoint = new Uri($"{relay.Real.Url}/v1") }
        );
        (await models.GetModelsAsync(token)).Value.Select(model => model.Id).Should().Contain("sonnet");
        CheckConversation("openai.net");

        (await FailureAsync(() => Client("wrong").CompleteChatAsync([new UserChatMessage("hi")], cancellationToken: token)))
            .Status.Should()
            .Be(401);
        (
            await FailureAsync(() =>
                Client(relay.Real.Key, "gpt-17").CompleteChatAsync([new UserChatMessage("hi")], cancellationToken: token)
            )
        )
            .Should()
            .Match<ClientResultException>(error => error.Status == 404 && error.Message.Contains("model_not_found"));
        var tempered = await client.CompleteChatAsync(
            [new UserChatMessage("sdk openai.net: whole")],
            new ChatCompletionOptions { Temperature = 0 },
            token
        );
        tempered.GetRawResponse().Headers.TryGetValue("X-Relay-Ignored", out _).Should().BeFalse("a temperature counts");
        var daily = await relay.Real.Program.MintAsync("daily-openai.net", "--daily-limit", "1");
        await Client(daily).CompleteChatAsync([new UserChatMessage("sdk openai.net: daily")], cancellationToken: token);
        var watch = Stopwatch.StartNew();
        (
            await FailureAsync(() =>
                Client(daily).CompleteChatAsync([new UserChatMessage("sdk openai.net: daily")], cancellationToken: token)
            )
        )
            .Status.Should()
            .Be(429);
        watch
            .Elapsed.Should()
            .BeLessThan(TimeSpan.FromSeconds(30), "it takes no notice of x-should-retry, but of no Retry-After either when there is none");

        var seen = 0;
        var broken = async () =>
        {
            await foreach (
                var update in client.CompleteChatStreamingAsync([new UserChatMessage("sdk: breaks off")], cancellationToken: token)
            )
            {
                seen += update.ContentUpdate.Count;
            }
        };
        await broken.Should().ThrowAsync<Exception>("an answer that is cut must not look whole");
        seen.Should().BePositive();
        await foreach (
            var _ in client.CompleteChatStreamingAsync([new UserChatMessage("sdk openai.net: endless")], cancellationToken: token)
        )
        {
            break;
        }

        await ShouldBeLeftAsync("sdk openai.net: endless");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task Anthropics_dotnet_SDK_feels_at_home()
    {
        var token = TestContext.Current.CancellationToken;
        AnthropicClient Client(string key) => new() { ApiKey = key, BaseUrl = relay.Real.Url };
        MessageCreateParams Ask(params MessageParam[] turns) =>
            new()
            {
                Model = "sonnet",
                MaxTokens = 200,
                Messages = turns,
                System = "sdk system",
            };
        MessageCreateParams AskOne(string text) => Ask(new UserMessageParam(text));
        var client = Client(relay.Real.Key);

        TextOf(await client.Messages.Create(AskOne("sdk anthropic.net: whole"), token)).Should().Be("sdk anthropic.net: whole");
        var streamed = string.Empty;
        await foreach (var item in client.Messages.CreateStreaming(AskOne("sdk anthropic.net: stream"), token))
        {
            streamed += item.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickText(out var words) ? words.Text : string.Empty;
        }

        streamed.Should().Be("sdk anthropic.net: stream");
        var first = TextOf(await client.Messages.Create(AskOne("sdk anthropic.net: first"), token));
        TextOf(
                await client.Messages.Create(
                    Ask(
                        new UserMessageParam("sdk anthropic.net: first"),
                        new AssistantMessageParam(first),
                        new UserMessageParam("sdk anthropic.net: second")
                    ),
                    token
                )
            )
            .Should()
            .Be("sdk anthropic.net: second");
        List<ContentBlockParam> withPicture =
        [
            new ImageBlockParam
            {
                Source = new Base64ImageSource { MediaType = MediaType.ImagePng, Data = Png },
            },
            new TextBlockParam { Text = "sdk anthropic.net: image" },
        ];
        TextOf(await client.Messages.Create(Ask(new UserMessageParam(withPicture)), token)).Should().Be("sdk anthropic.net: image");
        var schema = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(Schema)!;
        TextOf(
                await client.Messages.Create(
                    AskOne("sdk anthropic.net: schema") with
                    {
                        OutputConfig = new OutputConfig { Format = new JsonOutputFormat { Schema = schema } },
                    },
                    token
                )
            )
            .Should()
            .Be("""{"a":1}""");
        (
            await client.Messages.CountTokens(
                new MessageCountTokensParams { Model = "sonnet", Messages = [new UserMessageParam(new string('x', 300))] },
                token
            )
        )
            .InputTokens.Should()
            .Be(101);
        (await client.Models.List(cancellationToken: token)).Items.Select(model => model.ID).Should().Contain("sonnet");
        CheckConversation("anthropic.net");

        (await FailureNameAsync(() => Client("wrong").Messages.Create(AskOne("hi"), token))).Should().Be("AnthropicUnauthorizedException");
        (await FailureNameAsync(() => client.Messages.Create(AskOne("hi") with { Model = "gpt-17" }, token)))
            .Should()
            .Be("AnthropicNotFoundException");
        (await FailureNameAsync(() => client.Messages.Create(AskOne("hi") with { StopSequences = [string.Empty] }, token)))
            .Should()
            .Be("AnthropicBadRequestException");
        var daily = await relay.Real.Program.MintAsync("daily-anthropic.net", "--daily-limit", "1");
        await Client(daily).Messages.Create(AskOne("sdk anthropic.net: daily"), token);
        var watch = Stopwatch.StartNew();
        (await FailureNameAsync(() => Client(daily).Messages.Create(AskOne("sdk anthropic.net: daily"), token)))
            .Should()
            .Be("AnthropicRateLimitException");
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(2), "nobody sleeps until tomorrow");

        var seen = 0;
        (
            await FailureNameAsync(async () =>
            {
                await foreach (var item in client.Messages.CreateStreaming(AskOne("sdk: breaks off"), token))
                {
                    seen++;
                }
            })
        ).Should().NotBeNull();
        seen.Should().BePositive();
        await foreach (var item in client.Messages.CreateStreaming(AskOne("sdk anthropic.net: endless"), token))
        {
            if (item.TryPickContentBlockDelta(out var _))
            {
                break;
            }
        }

        await ShouldBeLeftAsync("sdk anthropic.net: endless");
    }

    private static string TextOf(Message message) => message.Content[0].TryPickText(out var text) ? text.Text : string.Empty;

    private static async Task<ClientResultException> FailureAsync(Func<Task> act) =>
        (await act.Should().ThrowAsync<ClientResultException>()).Which;

    private static async Task<string?> FailureNameAsync(Func<Task> act)
    {
        try
        {
            await act();
            return null;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return exception.GetType().Name;
        }
    }

    private static (string? Name, int Status) Error(JsonElement seen, string name) =>
        (seen.GetProperty(name).GetProperty("error").GetString(), seen.GetProperty(name).GetProperty("status").GetInt32());

    /// <summary>Checks the requests that the API saw of the SDK's conversation of two questions, and of its picture.</summary>
    private void CheckConversation(string sdk)
    {
        var second = relay.Real.RequestsOf($"sdk {sdk}: second").Should().ContainSingle().Subject;
        second.SystemTexts[^1].Should().Be("sdk system");
        second
            .Messages.Where(message => message.Role != "system")
            .Select(message => (message.Role, message.Text))
            .Should()
            .Equal(("user", $"sdk {sdk}: first"), ("assistant", $"sdk {sdk}: first"), ("user", $"sdk {sdk}: second"));
        relay.Real.RequestsOf($"sdk {sdk}: image").Should().ContainSingle().Which.Json.GetRawText().Should().Contain(Png);
    }

    private Task ShouldBeLeftAsync(string prompt) =>
        relay.Real.Program.EventuallyAsync(
            () => Task.FromResult(relay.Real.RequestsOf(prompt) is [{ IsAborted: true }] && Leavers(relay) > _leaversBefore),
            "the model goes on although its reader has left"
        );

    private static int Leavers(Fixture relay) =>
        relay.Real.Program.Log.Count(line => line.Contains(" 499 client_closed ", StringComparison.Ordinal));

    private async Task<JsonElement> RunNodeAsync(string sdk)
    {
        var start = new ProcessStartInfo("node", [Path.Combine(TestMachine.Sdks, $"{sdk}.mjs")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["RELAY_URL"] = relay.Real.Url;
        start.Environment["RELAY_KEY"] = relay.Real.Key;
        start.Environment["RELAY_TIGHT_KEY"] = await relay.Real.Program.MintAsync($"tight-{sdk}", "--rpm", "1");
        start.Environment["RELAY_DAILY_KEY"] = await relay.Real.Program.MintAsync($"daily-{sdk}", "--daily-limit", "1");
        using var node = Process.Start(start)!;
        var output = node.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = node.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        node.ExitCode.Should().Be(0, $"{await error}\n{string.Join('\n', relay.Real.Program.Log.TakeLast(20))}");
        return JsonElement.Parse(await output);
    }

    /// <summary>Answers of the API to the prompts of this class.</summary>
    public sealed class Fixture
    {
        public Fixture(RealRelay real)
        {
            Real = real;
            Real.Api.When(": schema", new Behavior { StructuredOutput = """{"a":1}""" });
            // With a pause that the relay leaves to its caller: the CLI's own retries are no SDK's subject, and take a quarter of a minute.
            Real.Api.When(
                "sdk: upstream fails",
                new Behavior
                {
                    Failure = UpstreamFailure.Overloaded,
                    Headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { ["retry-after"] = "60" },
                }
            );
            Real.Api.When("sdk: breaks off", new Behavior { Words = 40, Failure = UpstreamFailure.BrokenStream });
            Real.Api.When(": endless", new Behavior { Words = 2000, BetweenTokens = TimeSpan.FromMilliseconds(50) });
        }

        internal RealRelay Real { get; }
    }
}
