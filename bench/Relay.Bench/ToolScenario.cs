using System.Text.Json;

namespace Relay.Bench;

/// <summary>
/// The cost of the caller's tools: a call, its result, and many declarations, beside an answer without any. The CLI alone gets the same
/// frames, so that its own cost is seen in the same run.
/// </summary>
internal static class ToolScenario
{
    private const int Rounds = 100;

    /// <summary>An app runs its tool, or reads the answer, for at least as long. The process is taken back meanwhile.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(30);

    public static async Task RunAsync(string claude, CancellationToken cancellationToken)
    {
        Scenarios.Title(
            $"Tools of the caller (real CLI, a model that answers at once, one system prompt, "
                + $"{Pause.TotalMilliseconds} ms between requests)"
        );
        // One process for all, as the CLI alone has it: a new process compiles its code again, and is slower for its first hundred answers.
        await using var bed = await Bed.WithRealClaudeAsync(claude, TimeSpan.Zero, cancellationToken, ("PROCESS_USES", "10000"));
        await using var direct = await DirectClaude.StartAsync(claude, bed.Simulator.Address.ToString(), bed.Home, cancellationToken);
        object answers = new { text = "Rain." };
        object calls = new { tool_calls = new[] { new { name = "weather", input = new { city = "Paris" } } } };
        object[] one = [Tool("weather", 40)];
        object[] many = [.. Enumerable.Range(0, 128).Select(number => Tool($"tool_{number}", 1000))];
        var asked = new { role = "user", content = "What is the weather?" };
        var called = new
        {
            role = "assistant",
            content = new[]
            {
                new
                {
                    type = "tool_use",
                    id = "toolu_1",
                    name = "weather",
                    input = new { city = "Paris" },
                },
            },
        };
        var said = new { role = "assistant", content = "In which city?" };
        var result = new
        {
            role = "user",
            content = new[]
            {
                new
                {
                    type = "tool_result",
                    tool_use_id = "toolu_1",
                    content = "Rain.",
                },
            },
        };

        // Each way has other tools than the way before it.
        Way[] ways =
        [
            new("an answer without tools", answers, [asked], null),
            new("a call", calls, [asked], one),
            new("an answer beside 128 tools of 1 KB", answers, [asked], many),
            new("the answer to a result", answers, [asked, called, result], one),
            new("an answer with as many turns, no tools", answers, [asked, said, asked], null),
        ];
        for (var round = -10; round < Rounds; round++)
        {
            foreach (var way in ways)
            {
                await bed.SetBehaviorAsync(way.Behavior, cancellationToken);
                foreach (var isChanged in (bool[])[true, false])
                {
                    var times = isChanged ? way.Changed : way.Repeated;
                    var relay = await bed.CompleteAsync(bed.Relay, way.Body, cancellationToken);
                    await Task.Delay(Pause, cancellationToken);
                    var alone = await direct.TurnAsync(isChanged ? way.ExtraBody : null, way.Turns, cancellationToken);
                    await Task.Delay(Pause, cancellationToken);
                    if (round >= 0)
                    {
                        times.Relay.Add(relay.TotalMilliseconds);
                        times.Alone.Add(alone.TotalMilliseconds);
                    }
                }
            }
        }

        Console.WriteLine($"  {"p50", -36} {"same tools as before", 24} {"other tools than before", 28}");
        Console.WriteLine($"  {string.Empty, -36} {"relay", 12} {"CLI alone", 12}{"relay", 16} {"CLI alone", 12}");
        foreach (var way in ways)
        {
            Console.WriteLine(
                $"  {way.Name, -36} {Half(way.Repeated.Relay), 9:0.0} ms {Half(way.Repeated.Alone), 9:0.0} ms"
                    + $"{Half(way.Changed.Relay), 13:0.0} ms {Half(way.Changed.Alone), 9:0.0} ms"
            );
        }

        var (plain, call, beside, answer) = (ways[0].Repeated, ways[1].Repeated, ways[2].Repeated, ways[3].Repeated);
        var conversation = ways[4].Repeated;
        Scenarios.Ratio("a call / an answer without tools, p50", Half(call.Relay), Half(plain.Relay), 1);
        Scenarios.Ratio("  the same of the CLI alone", Half(call.Alone), Half(plain.Alone), null);
        Scenarios.Ratio("the answer to a result / an answer with as many turns, p50", Half(answer.Relay), Half(conversation.Relay), 1);
        Scenarios.Ratio("  the same of the CLI alone", Half(answer.Alone), Half(conversation.Alone), null);
        Scenarios.Ratio(
            "a round (a call and the answer to its result) / the same two requests without tools, p50",
            Half(call.Relay) + Half(answer.Relay),
            Half(plain.Relay) + Half(conversation.Relay),
            1
        );
        var added = Half(beside.Relay) - Half(plain.Relay);
        Console.WriteLine(
            $"  128 tools of 1 KB add {added:0.0} ms, p50   (target: at most 5 ms, {(added <= 5 ? "met" : "MISSED")}); "
                + $"to the CLI alone {Half(beside.Alone) - Half(plain.Alone):0.0} ms"
        );
        Console.WriteLine(
            $"  the first time {Half(ways[2].Changed.Relay) - Half(ways[0].Changed.Relay):0.0} ms; "
                + $"to the CLI alone {Half(ways[2].Changed.Alone) - Half(ways[0].Changed.Alone):0.0} ms"
        );
    }

    private static double Half(Distribution times) => times.At(0.5);

    private static object Tool(string name, int descriptionLength) =>
        new
        {
            name,
            description = new string('d', descriptionLength),
            input_schema = new { type = "object", properties = new { city = new { type = "string" } } },
        };

    /// <summary>A kind of request.</summary>
    private sealed record Way(string Name, object Behavior, IReadOnlyList<object> Turns, object[]? Tools)
    {
        private const string Choice = "auto";

        public (Distribution Relay, Distribution Alone) Changed { get; } = (new(), new());

        public (Distribution Relay, Distribution Alone) Repeated { get; } = (new(), new());

        public object Body { get; } =
            Tools is null
                ? new { messages = Turns }
                : new
                {
                    messages = Turns,
                    tools = Tools,
                    tool_choice = new { type = Choice },
                };

        public string ExtraBody { get; } =
            Tools is null ? string.Empty : JsonSerializer.Serialize(new { tools = Tools, tool_choice = new { type = Choice } });
    }
}
