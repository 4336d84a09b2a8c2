using System.ClientModel;
using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI.Responses;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>Clients that speak OpenAI's Responses API by default, unmodified, with only a base URL and a key.</summary>
[Collection(nameof(RealRelay))]
public sealed class ResponsesClientTests(ResponsesClientTests.Fixture relay) : IClassFixture<ResponsesClientTests.Fixture>
{
    private const string Schema =
        """{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}""";
    private const string CitySchema =
        """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}""";

    [OnlyWithAll]
    [Fact(Timeout = 300_000)]
    public async Task JavaScript_clients_feel_at_home()
    {
        var seen = await RunNodeAsync();
        string? Text(string path) => path.Split('.').Aggregate(seen, (at, name) => at.GetProperty(name)).GetString();
        int Number(string path) => path.Split('.').Aggregate(seen, (at, name) => at.GetProperty(name)).GetInt32();

        Text("whole.text").Should().Be("sdk responses: whole");
        seen.GetProperty("whole").GetProperty("store").GetBoolean().Should().BeFalse();
        Text("whole.id").Should().StartWith("req_");
        Text("stream.text").Should().Be("sdk responses: stream");
        Text("helper.text").Should().Be("sdk responses: stream");
        seen.GetProperty("parse").GetRawText().Should().Be("""{"a":1}""");
        Text("tools.text").Should().Be("sdk responses: weather");
        seen.GetProperty("tools")
            .GetProperty("kinds")
            .EnumerateArray()
            .Select(kind => kind.GetString())
            .Should()
            .Equal("message", "function_call", "function_call", "function_call_output", "function_call_output", "message");
        Text("streamedCall.call").Should().Be("""{"city":"Bern"}""");
        seen.GetProperty("streamedCall")
            .GetProperty("types")
            .EnumerateArray()
            .Select(type => type.GetString())
            .Should()
            .Equal(
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.completed"
            );
        Text("types").Should().Be("fit", "the SDK's own types describe each event");
        (Number("previous.status"), Text("previous.param")).Should().Be((400, "previous_response_id"));
        (Number("hosted.status"), Text("hosted.param")).Should().Be((400, "tools[0]"));
        Number("unauthorized.status").Should().Be(401);
        Text("broken.error").Should().NotBeNull("an answer that is cut must not look whole");
        Number("broken.pieces").Should().BePositive();

        Text("vercel.text").Should().Be("sdk vercel responses: whole");
        Text("vercel.stream").Should().Be("sdk vercel responses: stream");
        seen.GetProperty("vercel").GetProperty("object").GetRawText().Should().Be("""{"a":1}""");
        (Text("vercel.tools.text"), Number("vercel.tools.steps")).Should().Be(("sdk vercel responses: weather", 2));
        seen.GetProperty("vercel")
            .GetProperty("tools")
            .GetProperty("results")
            .EnumerateArray()
            .Select(result => result.GetString())
            .Should()
            .Equal("sunny in Bern", "sunny in Chur");
        (Text("vercel.streamedTools.text"), Number("vercel.streamedTools.steps")).Should().Be(("sdk vercel responses: weather", 2));
        Text("vercel.file").Should().Be("sdk vercel responses: file");

        (Text("turns.loop.text"), Number("turns.loop.steps")).Should().Be(("sdk vercel steps: whole", 4));
        (Text("turns.streamedLoop.text"), Number("turns.streamedLoop.steps")).Should().Be(("sdk vercel steps: streamed", 4));
        CheckTurns("sdk vercel steps: whole", ["sdk vercel steps: whole", "I look.", "", "I look.", "", "I look.", ""]);
        CheckTurns("sdk vercel steps: streamed", ["sdk vercel steps: streamed", "I look.", "", "I look.", "", "I look.", ""]);
        foreach (var name in (string[])["chat", "page"])
        {
            seen.GetProperty("turns")
                .GetProperty(name)
                .EnumerateArray()
                .Select(answer => answer.GetString())
                .Should()
                .Equal($"sdk vercel {name} 1", $"sdk vercel {name} 2", $"sdk vercel {name} 3");
            CheckTurns($"sdk vercel {name} 3", [.. Enumerable.Range(1, 5).Select(turn => $"sdk vercel {name} {(turn + 1) / 2}")]);
        }

        seen.GetProperty("turns")
            .GetProperty("thoughts")
            .EnumerateArray()
            .Select(thought => thought.GetString())
            .Should()
            .Equal("", "Hm.", "", "Hm.", "");
        Number("turns.foreign.status").Should().Be(400);
        Text("turns.foreign.message").Should().Contain("store: false");
        Text("turns.own").Should().Be("sdk vercel chat 4");

        Text("langchain.text").Should().Be("sdk langchain responses: whole");
        Text("langchain.stream").Should().Be("sdk langchain responses: stream");
        seen.GetProperty("langchain").GetProperty("object").GetRawText().Should().Be("""{"a":1}""");
        (Text("langchain.tools.call.city"), Text("langchain.tools.text")).Should().Be(("Bern", "sdk langchain responses: weather"));

        Text("agents.tools").Should().Be("sdk agents: weather");
        Text("agents.stream").Should().Be("sdk agents: weather");
        (Text("agents.handOff.text"), Text("agents.handOff.last")).Should().Be(("sdk agents: hand over", "Forecaster"));
        Text("agents.second").Should().Be("sdk agents: and then");
    }

    [Fact(Timeout = 120_000)]
    public async Task OpenAIs_dotnet_SDK_feels_at_home()
    {
        var token = TestContext.Current.CancellationToken;
        var client = Client(relay.Real.Key);

        (await client.CreateResponseAsync("sonnet", "sdk responses.net: whole", null, token))
            .Value.GetOutputText()
            .Should()
            .Be("sdk responses.net: whole");
        var pieces = new List<StreamingResponseUpdate>();
        await foreach (var update in client.CreateResponseStreamingAsync("sonnet", "sdk responses.net: stream", null, token))
        {
            pieces.Add(update);
        }

        string.Concat(pieces.OfType<StreamingResponseOutputTextDeltaUpdate>().Select(piece => piece.Delta))
            .Should()
            .Be("sdk responses.net: stream");
        pieces[^1]
            .Should()
            .BeOfType<StreamingResponseCompletedUpdate>()
            .Which.Response.GetOutputText()
            .Should()
            .Be("sdk responses.net: stream");
        pieces.Select(piece => piece.SequenceNumber).Should().Equal(Enumerable.Range(0, pieces.Count));
        var fitted = await client.CreateResponseAsync(
            new CreateResponseOptions("sonnet", [ResponseItem.CreateUserMessageItem("sdk responses.net: schema")])
            {
                TextOptions = new ResponseTextOptions
                {
                    TextFormat = ResponseTextFormat.CreateJsonSchemaFormat(
                        "answer",
                        BinaryData.FromString(Schema),
                        jsonSchemaIsStrict: true
                    ),
                },
            },
            token
        );
        fitted.Value.GetOutputText().Should().Be("""{"a":1}""");

        // The loop of tools of the SDK's documentation.
        var options = new CreateResponseOptions("sonnet", [ResponseItem.CreateUserMessageItem("sdk responses.net: weather")])
        {
            Tools = { ResponseTool.CreateFunctionTool("weather", BinaryData.FromString(CitySchema), true, "Tells the weather.") },
        };
        ResponseResult response;
        while (true)
        {
            response = (await client.CreateResponseAsync(options, token)).Value;
            var calls = response.OutputItems.OfType<FunctionCallResponseItem>().ToList();
            if (calls.Count == 0)
            {
                break;
            }

            foreach (var item in response.OutputItems)
            {
                options.InputItems.Add(item);
            }

            foreach (var call in calls)
            {
                options.InputItems.Add(
                    ResponseItem.CreateFunctionCallOutputItem(
                        call.CallId,
                        Forecast(JsonElement.Parse(call.FunctionArguments).GetProperty("city").GetString()!)
                    )
                );
            }
        }

        response.GetOutputText().Should().Be("sdk responses.net: weather");
        CheckRounds("sdk responses.net: weather");
        var refused = async () => await Client("wrong").CreateResponseAsync("sonnet", "hi", null, token);
        (await refused.Should().ThrowAsync<ClientResultException>()).Which.Status.Should().Be(401);
    }

    [Fact(Timeout = 120_000)]
    public async Task Microsofts_chat_client_feels_at_home()
    {
        var token = TestContext.Current.CancellationToken;
        using var plain = Client(relay.Real.Key).AsIChatClient("sonnet");
        using var client = new ChatClientBuilder(plain).UseFunctionInvocation().Build();
        var tools = new ChatOptions
        {
            Tools = [AIFunctionFactory.Create((string city) => Forecast(city), "weather", "Tells the weather.")],
        };

        (await plain.GetResponseAsync("sdk extensions.ai: whole", cancellationToken: token)).Text.Should().Be("sdk extensions.ai: whole");
        (await plain.GetResponseAsync<Shape>("sdk extensions.ai: schema", cancellationToken: token)).Result.A.Should().Be(1);
        (await client.GetResponseAsync("sdk extensions.ai: weather", tools, token)).Text.Should().Be("sdk extensions.ai: weather");
        CheckRounds("sdk extensions.ai: weather");

        List<ChatMessage> chat = [new(ChatRole.User, "sdk extensions.ai streamed: weather")];
        foreach (var question in (string[])["sdk extensions.ai streamed 2", "sdk extensions.ai streamed 3", ""])
        {
            var updates = await client.GetStreamingResponseAsync(chat, tools, token).ToListAsync(token);
            updates.ToChatResponse().Messages[^1].Text.Should().Be(chat[^1].Text);
            chat.AddMessages(updates);
            chat.Add(new(ChatRole.User, question));
        }

        CheckRounds("sdk extensions.ai streamed: weather");
        CheckTurns(
            "sdk extensions.ai streamed 3",
            [
                "sdk extensions.ai streamed: weather",
                "",
                "",
                "sdk extensions.ai streamed: weather",
                "sdk extensions.ai streamed 2",
                "sdk extensions.ai streamed 2",
                "sdk extensions.ai streamed 3",
            ]
        );
    }

    private static string Forecast(string city) => $"sunny in {city}";

    private ResponsesClient Client(string key) =>
        new(new ApiKeyCredential(key), new ResponsesClientOptions { Endpoint = new Uri($"{relay.Real.Url}/v1") });

    /// <summary>The API saw the question, and then the question with both calls and their results.</summary>
    private void CheckRounds(string question)
    {
        var requests = relay.Real.RequestsOf(question);
        requests.Should().HaveCount(2);
        requests[1]
            .Messages.SelectMany(message => message.ToolResults)
            .Select(result => result.Trim('"'))
            .Should()
            .Equal("sunny in Bern", "sunny in Chur");
    }

    /// <summary>The turns that the API saw at last. A message of results only has no words.</summary>
    private void CheckTurns(string question, string[] texts) =>
        relay
            .Real.Api.Requests.Last(request => request.LastUserText == question)
            .Messages.Where(message => message.Role != "system")
            .Select(message => message.Text)
            .Should()
            .Equal(texts);

    private async Task<JsonElement> RunNodeAsync()
    {
        var start = new ProcessStartInfo("node", [Path.Combine(TestMachine.Sdks, "responses.mjs")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["RELAY_URL"] = relay.Real.Url;
        start.Environment["RELAY_KEY"] = relay.Real.Key;
        start.Environment["RELAY_OTHER_KEY"] = await relay.Real.Program.MintAsync("responses-other");
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
            Real.Api.When(
                ": weather",
                new Behavior
                {
                    Echo = true,
                    ToolCalls = [ToolCall.Of("weather", """{"city":"Bern"}"""), ToolCall.Of("weather", """{"city":"Chur"}""")],
                }
            );
            Real.Api.When(
                "sdk vercel steps:",
                new Behavior
                {
                    Echo = true,
                    ToolCalls = [ToolCall.Of("weather", """{"city":"Bern"}""")],
                    ToolRounds = 3,
                    BeforeCalls = "I look.",
                }
            );
            Real.Api.When("sdk vercel page", new Behavior { Echo = true, Thought = "Hm." });
            Real.Api.When(": hand over", new Behavior { Echo = true, ToolCalls = [ToolCall.Of("transfer_to_Forecaster", "{}")] });
            Real.Api.When("sdk: breaks off", new Behavior { Words = 40, Failure = UpstreamFailure.BrokenStream });
        }

        internal RealRelay Real { get; }
    }

    private sealed record Shape(int A);
}
