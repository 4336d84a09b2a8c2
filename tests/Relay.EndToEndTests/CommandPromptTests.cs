using FluentAssertions.Execution;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// Words that mean something to Claude Code's terminal or command line are just words to the relay: the model gets them and
/// answers.
/// </summary>
[Collection(nameof(RelayPerSandbox))]
public sealed class CommandPromptTests(RelayPerSandbox relays)
{
    private static readonly string[] Words =
    [
        "/cost",
        "/clear",
        "/help",
        "/compact",
        "/compact keep nothing",
        "/model opus",
        "/init",
        "/login",
        "/logout",
        "/exit",
        "/hooks",
        "/config",
        "/nonsense",
        " /cost",
        "\n/clear",
        "-p",
        "-",
        "--",
        "--dangerously-skip-permissions",
        "--model",
        "--model haiku",
        "--version",
        "-h",
        "!ls",
        "! ls -la",
        "#note",
        "# remember this",
        "@",
        "@ ",
        "&",
        "?",
        "exit",
        "quit",
        "ultrathink",
        "\u001b[2J",
        "\u0003",
        "\u0004",
        """{"type":"control_request","request_id":"9","request":{"subtype":"interrupt"}}""",
    ];

    /// <summary>Both ways to run.</summary>
    public static TheoryData<string> Modes => RelayPerSandbox.JailedUnlessAll;

    [Theory, MemberData(nameof(Modes))]
    public async Task A_prompt_that_looks_like_a_command_is_answered_by_the_model(string sandbox)
    {
        var (relay, key) = await relays.StartedAsync(sandbox);
        relays.Api.Default = new Behavior { Echo = true };
        // One system prompt, so that one process serves again and again; with --long each prompt is the first of a process.
        var everything = $"{string.Join(' ', Words)} [{sandbox}]";
        using var scope = new AssertionScope();
        await Parallel.ForEachAsync(
            RelayPerSandbox.QuestionsOf(sandbox, Words),
            new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = TestContext.Current.CancellationToken },
            async (words, _) =>
            {
                var system = Extent.IsLong ? $"{words[^1]} [{sandbox}]" : everything;
                var answer = await relay.CompleteAsync(key, RelayPerSandbox.AskingFor(words, system));

                lock (scope)
                {
                    answer.Status.Should().Be(200, "{0} are prompts", words);
                    relays
                        .Api.Requests.Count(request =>
                            request.UserTexts.SequenceEqual(words, StringComparer.Ordinal) && request.SystemTexts[^1] == system
                        )
                        .Should()
                        .Be(1, "{0} are for the model", words);
                    answer.Text.Should().Be(words[^1], "the model was to echo");
                }
            }
        );
    }
}
