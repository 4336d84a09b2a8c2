namespace Relay.Bench;

/// <summary>What tools of the caller cost: a call, its result, and many declarations, beside an answer without any.</summary>
internal static class ToolScenario
{
    public static async Task RunAsync(string claude, CancellationToken cancellationToken)
    {
        const int rounds = 200;
        Scenarios.Title("Tools of the caller (real CLI, a model that answers at once, one system prompt)");
        await using var bed = await Bed.WithRealClaudeAsync(claude, TimeSpan.Zero, cancellationToken);
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
        (string Name, object Behavior, object Body, Distribution Times)[] ways =
        [
            ("an answer without tools", answers, new { messages = new[] { asked } }, new Distribution()),
            ("a call", calls, new { messages = new[] { asked }, tools = one }, new Distribution()),
            (
                "the answer to its result",
                answers,
                new { messages = new object[] { asked, called, result }, tools = one },
                new Distribution()
            ),
            (
                "an answer beside 128 tools of 1 KB",
                answers,
                new
                {
                    messages = new[] { asked },
                    tools = many,
                    tool_choice = new { type = "none" },
                },
                new Distribution()
            ),
        ];
        for (var round = -10; round < rounds; round++)
        {
            foreach (var (_, behavior, body, times) in ways)
            {
                await bed.SetBehaviorAsync(behavior, cancellationToken);
                var time = await bed.CompleteAsync(bed.Relay, body, cancellationToken);
                if (round >= 0)
                {
                    times.Add(time.TotalMilliseconds);
                }
            }
        }

        foreach (var (name, _, _, times) in ways)
        {
            Console.WriteLine($"  {name, -36} {times}");
        }

        var (plain, call, answer, beside) = (ways[0].Times.At(0.5), ways[1].Times.At(0.5), ways[2].Times.At(0.5), ways[3].Times.At(0.5));
        Scenarios.Ratio("a call / an answer without tools, p50", call, plain, 1);
        Scenarios.Ratio("the answer to a result / an answer without tools, p50", answer, plain, 1);
        Console.WriteLine(
            $"  128 tools of 1 KB add {beside - plain:0.0} ms, p50   (target: at most 5 ms, {(beside - plain <= 5 ? "met" : "MISSED")})"
        );
    }

    private static object Tool(string name, int descriptionLength) =>
        new
        {
            name,
            description = new string('d', descriptionLength),
            input_schema = new { type = "object", properties = new { city = new { type = "string" } } },
        };
}
