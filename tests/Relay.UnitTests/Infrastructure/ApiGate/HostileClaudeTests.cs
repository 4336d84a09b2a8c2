using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using NSubstitute;
using Relay.Application.Auditing;
using Relay.Domain;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;
using Comparison = System.Func<
    Microsoft.AspNetCore.Http.HttpRequest,
    System.ReadOnlyMemory<byte>,
    Relay.Infrastructure.ApiGate.GateTicket,
    Relay.Infrastructure.ApiGate.GateTurn,
    System.Threading.CancellationToken,
    System.Threading.Tasks.Task<(Relay.Infrastructure.ApiGate.GateRefusal? Refusal, string Detail)>
>;

namespace Relay.UnitTests.Infrastructure.ApiGate;

/// <summary>
/// A program in Claude Code's place that does more than it was asked for. Nothing of that leaves, nothing of it reaches a caller, and
/// another key's requests go on.
/// </summary>
public sealed class HostileClaudeTests : IAsyncLifetime
{
    /// <summary>The differences, and whether the self-test runs again for each.</summary>
    private static readonly Dictionary<string, (Action<ComposedRequest> Change, bool IsDoubt)> Differences = new(StringComparer.Ordinal)
    {
        ["a block more"] = (
            request => request.Messages[0]!["content"] = new JsonArray(ComposedRequest.Text("hi"), ComposedRequest.Text("leak")),
            false
        ),
        ["another word"] = (request => request.Messages[0]!["content"] = "hi leak", false),
        ["a turn before"] = (request => request.Messages.Insert(0, new JsonObject { ["role"] = "user", ["content"] = "leak" }), false),
        ["a turn of the model"] = (
            request => request.Messages.Insert(1, new JsonObject { ["role"] = "assistant", ["content"] = "leak" }),
            false
        ),
        ["a system block more"] = (request => request.System.Add(ComposedRequest.Text("leak")), false),
        ["a tool"] = (request => request.Body["tools"] = new JsonArray(new JsonObject { ["name"] = "leak" }), true),
        ["a field more"] = (request => request.Body["leak"] = "leak", true),
        ["a field of a message"] = (request => request.Messages[0]!["leak"] = "leak", true),
        ["an e-mail address in the note"] = (request => Note(request, "# userEmail leak@example.com"), true),
        ["a host's name in the note"] = (request => Note(request, " - Hostname: leak"), true),
        ["a user in the metadata"] = (request => request.Body["metadata"]!["user_id"] = "leak", true),
        ["another model"] = (request => request.Body["model"] = "claude-leak-1", true),
        ["a model's name with other letters"] = (request => request.Body["model"] = "claude-opus-5-5[2m]", false),
        ["a larger cap"] = (request => request.Body["max_tokens"] = 64_000, false),
        ["no stream"] = (request => request.Body["stream"] = false, true),
    };

    private FakeApi _api = null!;

    public static TheoryData<string> Names => [.. Differences.Keys];

    public async ValueTask InitializeAsync() => _api = await FakeApi.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_request_that_differs_does_not_leave(string difference)
    {
        var (change, isDoubt) = Differences[difference];
        await using var engine = await StartAsync();
        engine.AcceptShape();
        engine.Starter.Behavior = GatedClaude.Hostile(() => new GatedClaude { Change = change });

        var answer = await engine.CompleteAsync(Any.Request("hi")).InTime();

        _api.Reached.Should().BeEmpty();
        answer.Error!.Code.Should().Be(isDoubt ? ErrorCode.LockdownViolation : ErrorCode.UpstreamError);
        engine.Audit.Received(isDoubt ? 1 : 0).Write(Arg.Is<AuditEntry>(entry => entry.Action == "lockdown_violation"));
        await OthersGoOnAsync(engine);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Without_the_comparison_the_request_that_differs_would_leave(string difference)
    {
        await using var engine = await StartAsync(Nothing);
        engine.AcceptShape();
        engine.Starter.Behavior = GatedClaude.Hostile(() => new GatedClaude { Change = Differences[difference].Change });

        await engine.CompleteAsync(Any.Request("hi")).InTime();

        var honest = new ComposedRequest();
        honest.System.RemoveAt(2);
        honest.Say("user", "hi").WithNoteOf(Any.Time);
        _api.Reached.Should().ContainSingle().Which.Should().NotEndWith(Encoding.UTF8.GetString(honest.ToBytes()));
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_request_of_100_MB_does_not_leave()
    {
        await using var engine = await StartAsync();
        engine.AcceptShape();
        engine.Starter.Behavior = GatedClaude.Hostile(() => new GatedClaude { Change = AddMegabytes });

        (await engine.CompleteAsync(Any.Request("hi")).InTime()).Error!.Code.Should().Be(ErrorCode.UpstreamError);

        _api.Reached.Should().BeEmpty();
        await OthersGoOnAsync(engine);
    }

    [OnlyWithAll]
    [Fact]
    public async Task Without_the_comparison_a_request_of_100_MB_would_leave()
    {
        await using var engine = await StartAsync(Nothing);
        engine.AcceptShape();
        engine.Starter.Behavior = GatedClaude.Hostile(() => new GatedClaude { Change = AddMegabytes });

        // A hundred megabytes over two sockets take long on a busy machine.
        await engine.CompleteAsync(Any.Request("hi")).WaitAsync(TimeSpan.FromMinutes(3), Waiting.Token);

        _api.Reached.Should().ContainSingle().Which.Length.Should().BeGreaterThan(100_000_000);
    }

    [Fact]
    public async Task A_header_with_a_secret_does_not_leave()
    {
        await using var engine = await StartAsync();
        engine.AcceptShape();
        engine.Starter.Behavior = GatedClaude.Hostile(() =>
            new GatedClaude { ChangeHeaders = request => request.Headers.TryAddWithoutValidation("x-secret", "leak") }
        );

        (await engine.CompleteAsync(Any.Request("hi")).InTime()).Error!.Code.Should().Be(ErrorCode.LockdownViolation);

        _api.Reached.Should().BeEmpty();
        await OthersGoOnAsync(engine);
    }

    [Fact]
    public async Task A_second_call_does_not_leave()
    {
        await using var engine = await StartAsync();
        engine.AcceptShape();
        var second = new TaskCompletionSource<bool>();
        engine.Starter.Behavior = GatedClaude.Hostile(() =>
            new GatedClaude { Then = async (child, claude) => second.TrySetResult(await claude.AskAsync(child)) }
        );

        (await engine.CompleteAsync(Any.Request("hi")).InTime()).Error.Should().BeNull();

        (await second.Task.WaitAsync(TimeSpan.FromSeconds(10), Waiting.Token)).Should().BeFalse();
        _api.Reached.Should().ContainSingle();
    }

    [Fact]
    public async Task A_call_with_the_ticket_of_another_process_does_not_leave()
    {
        await using var engine = await StartAsync();
        engine.AcceptShape();
        await engine.CompleteAsync(Any.Request("hi"), "key_b").InTime();
        var ticketOfB = new Uri(engine.Starter.Started[0].Spec.Environment["ANTHROPIC_BASE_URL"]).AbsolutePath;
        engine.Starter.Behavior = GatedClaude.Hostile(() =>
            new GatedClaude
            {
                Instead = async (child, claude) =>
                {
                    await claude.AskAsync(child, ticketOfB);
                    child.Say(Frames.Success("made up"));
                },
            }
        );

        var answer = await engine.CompleteAsync(Any.Request("hi")).InTime();

        answer.Error!.Code.Should().Be(ErrorCode.UpstreamError);
        _api.Reached.Should().ContainSingle("only the other key's own request");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_answer_that_the_API_did_not_give_reaches_nobody(bool streamsEvents)
    {
        await using var engine = await StartAsync();
        engine.AcceptShape();
        engine.Starter.Behavior = GatedClaude.Hostile(() =>
            new GatedClaude
            {
                Instead = (child, _) =>
                {
                    if (streamsEvents)
                    {
                        child.Say(
                            Frames.MessageStart,
                            Frames.TextStart,
                            Frames.Delta("made up"),
                            Frames.Stop("end_turn"),
                            Frames.MessageStop
                        );
                    }

                    child.Say(Frames.Assistant("text"), Frames.Success("made up"));
                    return Task.CompletedTask;
                },
            }
        );

        var answer = await engine.CompleteAsync(Any.Request("hi")).InTime();

        answer.Error!.Code.Should().Be(ErrorCode.UpstreamError);
        answer.Error.Message.Should().NotContain("made up");
        await OthersGoOnAsync(engine);
    }

    [Fact]
    public async Task Words_that_the_process_adds_to_the_APIs_answer_reach_nobody()
    {
        await using var engine = await StartAsync();
        engine.AcceptShape();
        engine.Starter.Behavior = GatedClaude.Hostile(() =>
            new GatedClaude
            {
                Instead = async (child, claude) =>
                {
                    child.Say(Frames.Delta("made up"));
                    await claude.AskAsync(child);
                    child.Say(Frames.Success("made up"));
                },
            }
        );

        (await engine.CompleteAsync(Any.Request("hi")).InTime()).Value.Text.Should().Be("Hello");
    }

    [Fact]
    public async Task A_turn_that_was_not_taken_back_does_not_leave_with_the_next()
    {
        await using var engine = await StartAsync();
        engine.AcceptShape();
        engine.Starter.Behavior = GatedClaude.Hostile(() => new GatedClaude { Rewinds = false });
        await engine.CompleteAsync(Any.Request("the first words")).InTime();

        var second = await engine.CompleteAsync(Any.Request("the second words")).InTime();

        second.Error!.Code.Should().Be(ErrorCode.UpstreamError);
        _api.Reached.Should().ContainSingle().Which.Should().NotContain("the second words");
        await engine.Starter.Started[0].Exited.InTime();
    }

    [Theory]
    [InlineData("a word before the init frame")]
    [InlineData("no init frame")]
    public async Task Nothing_leaves_before_the_process_has_shown_that_it_can_do_nothing(string order)
    {
        await using var engine = await StartAsync();
        engine.AcceptShape();
        engine.Starter.Behavior = (child, line) =>
        {
            if (line.TryGetProperty("uuid", out _) && order == "no init frame")
            {
                return;
            }

            GatedClaude.Answer(child, line);
        };
        if (order == "no init frame")
        {
            var asking = engine.CompleteAsync(Any.Request("hi"));
            await Task.Delay(200, Waiting.Token);
            _api.Reached.Should().BeEmpty();
            engine.Starter.Started[0].Exit(0);
            for (var attempt = 0; attempt < 1000 && engine.Starter.Started.Count < 2; attempt++)
            {
                await Task.Delay(10, Waiting.Token);
            }

            engine.Starter.Started[1].Exit(0);
            (await asking.InTime()).Error.Should().NotBeNull();
        }
        else
        {
            engine.Starter.Behavior = GatedClaude.Hostile(() => new GatedClaude { InitTools = """["Bash"]""" });
            (await engine.CompleteAsync(Any.Request("hi")).InTime()).Error!.Code.Should().Be(ErrorCode.LockdownViolation);
        }

        _api.Reached.Should().BeEmpty();
    }

    [Fact]
    public async Task A_process_whose_first_request_has_another_form_serves_nobody()
    {
        await using var engine = await StartAsync();
        engine.Starter.Behavior = GatedClaude.Hostile(() =>
            new GatedClaude { Change = request => Note(request, $" - Hostname: {Environment.MachineName}") }
        );

        (await engine.CompleteAsync(Any.Request("hi")).InTime()).Error!.Code.Should().Be(ErrorCode.LockdownViolation);

        _api.Reached.Should().BeEmpty();
    }

    /// <summary>A comparison that finds nothing.</summary>
    private static Task<(GateRefusal? Refusal, string Detail)> Nothing(
        HttpRequest request,
        ReadOnlyMemory<byte> body,
        GateTicket ticket,
        GateTurn turn,
        CancellationToken cancellationToken
    ) => Task.FromResult<(GateRefusal?, string)>((null, string.Empty));

    private static void AddMegabytes(ComposedRequest request) => request.System.Add(ComposedRequest.Text(new string('x', 100_000_000)));

    private async Task<FakeEngine> StartAsync(Comparison? comparedBy = null)
    {
        var engine = new FakeEngine(new ClaudeCodeOptions { WarmProcesses = 0 }, api: _api, comparedBy: comparedBy);
        await engine.StartGateAsync();
        return engine;
    }

    /// <summary>The engine stays in service: another key's request is answered.</summary>
    private static async Task OthersGoOnAsync(FakeEngine engine)
    {
        engine.Starter.Behavior = GatedClaude.Answer;
        (await engine.CompleteAsync(Any.Request("hi"), "key_other").InTime()).Value.Text.Should().Be("Hello");
    }

    private static void Note(ComposedRequest request, string line)
    {
        var note = request.Messages[^1]!["content"]![0]!;
        note["text"] = $"{note["text"]!.GetValue<string>()}\n{line}";
    }
}
