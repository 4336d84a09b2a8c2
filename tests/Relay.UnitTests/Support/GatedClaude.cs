using System.Text.Json;
using Relay.UnitTests.Infrastructure.ApiGate;

namespace Relay.UnitTests.Support;

/// <summary>Plays a Claude Code that asks the API through the gate. What a hostile one does differently can be put in its place.</summary>
internal sealed class GatedClaude
{
    private readonly List<(string Id, string Prompt)> _turns = [];
    private string? _system;
    private string _extraBody = string.Empty;

    /// <summary>Changes a request before it is sent.</summary>
    public Action<ComposedRequest>? Change { get; init; }

    /// <summary>Changes the headers of a request.</summary>
    public Action<HttpRequestMessage>? ChangeHeaders { get; init; }

    /// <summary>Whether a turn is taken back when that is asked for.</summary>
    public bool Rewinds { get; init; } = true;

    /// <summary>Whether it says that it rewound.</summary>
    public bool SaysRewound { get; init; } = true;

    /// <summary>The tools that it says it has in a turn; null for none.</summary>
    public string? InitTools { get; init; }

    /// <summary>Does something in a turn instead of asking the API.</summary>
    public Func<FakeChild, GatedClaude, Task>? Instead { get; init; }

    /// <summary>Does something after a turn.</summary>
    public Func<FakeChild, GatedClaude, Task>? Then { get; init; }

    /// <summary>The behavior of an honest one.</summary>
    public static void Answer(FakeChild child, JsonElement line) => child.StateOf(() => new GatedClaude()).Take(child, line);

    /// <summary>The behavior of one that differs.</summary>
    public static Action<FakeChild, JsonElement> Hostile(Func<GatedClaude> create) =>
        (child, line) => child.StateOf(create).Take(child, line);

    private void Take(FakeChild child, JsonElement line)
    {
        if (line.GetProperty("type").GetString() == "control_request" && line.GetProperty("request") is var request)
        {
            Control(child, line, request);
        }
        else if (line.TryGetProperty("shouldQuery", out _))
        {
            child.Say(child.Init, Frames.Success(string.Empty));
        }
        else
        {
            _turns.Add((line.GetProperty("uuid").GetString()!, line.GetProperty("message").GetProperty("content").GetString()!));
            _ = RunAsync(child);
        }
    }

    private void Control(FakeChild child, JsonElement line, JsonElement request)
    {
        var rewound = string.Empty;
        switch (request.GetProperty("subtype").GetString())
        {
            case "initialize":
                _system = request.GetProperty("systemPrompt").EnumerateArray().Select(item => item.GetString()).FirstOrDefault();
                break;
            case "apply_flag_settings":
                _extraBody = request.GetProperty("settings").GetProperty("env").GetProperty("CLAUDE_CODE_EXTRA_BODY").GetString()!;
                break;
            case "rewind_conversation":
                if (Rewinds)
                {
                    _turns.RemoveAll(turn => turn.Id == request.GetProperty("target_message_uuid").GetString());
                }

                rewound = $$""","response":{"rewound":{{(SaysRewound ? "true" : "false")}}}""";
                break;
        }

        child.Say(
            $$$"""{"type":"control_response","response":{"subtype":"success","request_id":"{{{line.GetProperty("request_id").GetString()}}}"{{{rewound}}}}}"""
        );
    }

    private async Task RunAsync(FakeChild child)
    {
        child.Say(InitTools is null ? child.Init : Frames.With(child.Init, "tools", InitTools));
        if (Instead is not null)
        {
            await Instead(child, this);
            return;
        }

        child.Say(await AskAsync(child) ? Frames.Success("Hello") : Frames.Failure(503));
        if (Then is not null)
        {
            await Then(child, this);
        }
    }

    /// <summary>Asks the API for all turns so far.</summary>
    /// <returns>Whether it answered.</returns>
    public async Task<bool> AskAsync(FakeChild child, string? ticket = null)
    {
        var request = new ComposedRequest();
        if (_system is null)
        {
            request.System.RemoveAt(2);
        }
        else
        {
            request.System[2]!["text"] = _system;
        }

        _turns.ForEach(turn => request.Say("user", turn.Prompt));
        request.WithNoteOf(Any.Time);
        request.LayOver(_extraBody);
        Change?.Invoke(request);
        var path = ticket ?? new Uri(child.Spec.Environment["ANTHROPIC_BASE_URL"]).AbsolutePath;
        using var client = new GateClient(child.Spec.Environment["ANTHROPIC_UNIX_SOCKET"]);
        try
        {
            using var answer = await client.SendAsync($"{path}/v1/messages?beta=true", request.ToBytes(), ChangeHeaders);
            await answer.Content.ReadAsStringAsync(Waiting.Token);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
