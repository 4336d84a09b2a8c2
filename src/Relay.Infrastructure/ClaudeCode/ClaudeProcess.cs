using System.Text.Json;
using Relay.Application.Timing;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// One Claude Code process: frames in, frames out. It serves one key, and one completion at a time. Its stderr may be shown until a
/// caller's first byte has been written to it, and never afterwards.
/// </summary>
internal sealed class ClaudeProcess : IAsyncDisposable
{
    /// <summary>The longest frame is the result with the whole answer: 128,000 tokens are far below this.</summary>
    public const int MaxLineBytes = 8 * 1024 * 1024;

    /// <summary>Exit codes above this one stand for a signal.</summary>
    private const int SignalExitCode = 128;

    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(20);

    private readonly IChildProcess _child;
    private readonly ConfinedCommand _command;
    private readonly TimeProvider _clock;
    private bool _holdsCallersData;
    private bool _isBounded;

    private ClaudeProcess(
        IChildProcess child,
        ConfinedCommand command,
        GateTicket? ticket,
        EngineGeneration generation,
        string model,
        bool takesSchema,
        TimeProvider clock
    ) =>
        (_child, _command, Ticket, Generation, Model, TakesSchema, _clock, StartedAt) = (
            child,
            command,
            ticket,
            generation,
            model,
            takesSchema,
            clock,
            clock.GetTimestamp()
        );

    public EngineGeneration Generation { get; }

    /// <summary>The process's right to call the API; null with <c>bedrock</c> and <c>vertex</c>.</summary>
    public GateTicket? Ticket { get; }

    public string Model { get; set; }

    /// <summary>The settings of its last turn; null for those that it was started with.</summary>
    public TurnSettings? Settings { get; set; }

    public int Uses { get; set; }

    public bool TakesSchema { get; }

    /// <summary>Process id on the host: the jail's, where there is one.</summary>
    public int Id => _child.Id;

    /// <summary>Timestamp of its start.</summary>
    public long StartedAt { get; }

    /// <summary>Whether the system prompt and the schema were set, and an <c>init</c> frame checked, before the turn to come.</summary>
    public bool IsPrepared { get; set; }

    public Task Exited => _child.Exited;

    /// <exception cref="IOException">The executable, or a directory that it needs, is missing.</exception>
    public static async Task<ClaudeProcess> StartAsync(
        IProcessStarter starter,
        ClaudeSandbox sandbox,
        GateListener gate,
        EngineGeneration generation,
        string model,
        bool takesSchema,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        if (!File.Exists(generation.Binary.Path))
        {
            // The starter (setsid, the jail) would start, and only then find no executable.
            throw new FileNotFoundException("The claude executable is gone.", generation.Binary.Path);
        }

        var ticket = gate.IsInForce ? gate.Issue() : null;
        var command = sandbox.Confine(
            generation.Binary,
            ClaudeLockdown.Arguments(model, takesSchema, tellsEvents: ticket is null),
            ticket?.Access
        );
        try
        {
            var child = await starter.StartAsync(command.Spec, MaxLineBytes, cancellationToken);
            _ = child.Exited.ContinueWith(
                _ => ticket?.Dispose(),
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
            return new ClaudeProcess(child, command, ticket, generation, model, takesSchema, clock);
        }
        catch
        {
            command.Scratch?.Dispose();
            ticket?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Has the prepared process ask a question that the gate answers, and takes the turn back. This shows the shape of its requests, and
    /// makes its first real turn a warm one.
    /// </summary>
    /// <exception cref="ClaudeProtocolException">It sent another request, or none.</exception>
    public async Task<RequestShape> RehearseAsync(TurnExpectation expectation, CancellationToken cancellationToken)
    {
        var ticket = Ticket ?? throw new InvalidOperationException("There is no gate.");
        using var deadline = new Deadline(ReadyTimeout, _clock, cancellationToken);
        var turn = ticket.Begin(expectation, isRehearsal: true);
        var id = Guid.NewGuid();
        try
        {
            await WriteAsync(new ClaudeInput().Prompt(expectation.Conversation.Last, id), holdsCallersData: false, deadline.Token);
            while (await ReadAsync(deadline.Token) is { } frame)
            {
                using (frame)
                {
                    if (frame is { Type: "system", Subtype: "init" })
                    {
                        if (ClaudeLockdown.FindViolation(frame.Json, Generation.Version, TakesSchema) is { } violation)
                        {
                            throw new ClaudeProtocolException(violation) { IsDifference = true };
                        }

                        turn.PassLockdown();
                    }
                    else if (frame.Type == "result")
                    {
                        break;
                    }
                }
            }

            if (turn.Rehearsed is not { } shape)
            {
                // The question holds a caller's system prompt and schema, which Claude Code may change.
                throw turn.Refusal is ({ } refusal, { } detail)
                    ? new ClaudeProtocolException($"the form of its requests: {detail}")
                    {
                        IsDifference = refusal.Effect() == RefusalEffect.Recheck,
                    }
                    : new ClaudeProtocolException("Claude Code did not ask the API.");
            }

            ticket.End();
            return await RewindAsync([id], deadline.Token)
                ? shape
                : throw new ClaudeProtocolException("Claude Code did not take a turn back.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ClaudeProtocolException($"Claude Code did not answer within {ReadyTimeout.TotalSeconds} s. {Complaint}");
        }
        catch (IOException exception)
        {
            throw new ClaudeProtocolException($"Claude Code ended in its rehearsal. {Complaint}", exception);
        }
        finally
        {
            ticket.End();
        }
    }

    /// <summary>
    /// Has the process ask another model. For aliases only: with a full id Claude Code tries the model first, with a call that no caller
    /// asked for.
    /// </summary>
    /// <exception cref="ClaudeProtocolException">The process refused.</exception>
    public async Task SetModelAsync(string model, CancellationToken cancellationToken)
    {
        await WriteAsync(new ClaudeInput().SetModel(model), holdsCallersData: false, cancellationToken);
        while (await ReadAsync(cancellationToken) is { } frame)
        {
            using (frame)
            {
                if (frame.Type == "control_response")
                {
                    Model = RefusedControl(frame.Json) ? throw new ClaudeProtocolException("Claude Code did not take the model.") : model;
                    return;
                }
            }
        }

        throw new ClaudeProtocolException("Claude Code ended when it was told the model.");
    }

    /// <summary>Takes the turns of a conversation back, the last one first. Returns whether the conversation is empty again.</summary>
    public async Task<bool> RewindAsync(IReadOnlyList<Guid> frames, CancellationToken cancellationToken)
    {
        var isRewound = false;
        for (var index = frames.Count - 1; index >= 0; index--)
        {
            await WriteAsync(new ClaudeInput().Rewind(frames[index]), holdsCallersData: false, cancellationToken);
            if (await ReadRewoundAsync(cancellationToken) is not { } rewound)
            {
                return false;
            }

            isRewound = rewound;
        }

        return isRewound;
    }

    private async Task<bool?> ReadRewoundAsync(CancellationToken cancellationToken)
    {
        while (await ReadAsync(cancellationToken) is { } frame)
        {
            using (frame)
            {
                if (frame.Type == "control_response" && frame.Json.Member("response")?.Text("request_id") == ClaudeInput.RewindId)
                {
                    return !RefusedControl(frame.Json)
                        && frame.Json.Member("response")?.Member("response")?.Member("rewound")?.ValueKind == JsonValueKind.True;
                }
            }
        }

        return null;
    }

    /// <summary>Sets the system prompt and the schema, and has the process show its <c>init</c> frame, without a call to the API.</summary>
    /// <exception cref="ClaudeProtocolException">It failed before that.</exception>
    public async Task<PreparedProcess> PrepareAsync(PromptText? system, OutputSchema? schema, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(ReadyTimeout, _clock, cancellationToken);
        var found = new PreparedProcess(null, null, schema is null);
        var (taken, checkedInit) = (false, false);
        try
        {
            await WriteAsync(
                new ClaudeInput().Initialize(system, schema).AskForInit(),
                holdsCallersData: system is not null || schema is not null,
                deadline.Token
            );
            while (await ReadAsync(deadline.Token) is { } frame)
            {
                using (frame)
                {
                    switch (frame)
                    {
                        case { Type: "control_response" } when RefusedControl(frame.Json):
                            throw new ClaudeProtocolException("Claude Code refused the system prompt.");
                        case { Type: "control_response" }:
                            found = found with { IsLoggedIn = IsLoggedIn(frame.Json) };
                            taken = true;
                            break;
                        case { Type: "system", Subtype: "init" } when !taken:
                            throw new ClaudeProtocolException("Claude Code did not take the system prompt.");
                        case { Type: "system", Subtype: "init" }:
                            found = found with
                            {
                                Violation = ClaudeLockdown.FindViolation(frame.Json, Generation.Version, TakesSchema),
                                AcceptsSchema = schema is null || ClaudeLockdown.HasSchemaTool(frame.Json),
                            };
                            checkedInit = true;
                            break;
                        case { Type: "result" } when !checkedInit:
                            throw new ClaudeProtocolException("Claude Code ended a turn without an init frame.");
                        case { Type: "result" }:
                            IsPrepared = found is { Violation: null, AcceptsSchema: true };
                            return found;
                        case { Type: "assistant" }:
                            throw new ClaudeProtocolException("Claude Code answered a turn that asked for no answer.");
                        case { Type: "stream_event" }:
                            // The frame of a turn decides whether it calls the API, and the frame is constant here.
                            return found with { Violation = "a call of the API in a turn that asked for none" };
                    }
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ClaudeProtocolException($"Claude Code was not ready within {ReadyTimeout.TotalSeconds} s. {Complaint}")
            {
                WasTooMuch = true,
            };
        }
        catch (IOException)
        {
            // The process closed its end of the pipe. Its end is reported below.
        }

        await _child
            .Exited.WaitAsync(TimeSpan.FromSeconds(1), _clock, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw new ClaudeProtocolException($"Claude Code ended before it was ready (exit code {_child.ExitCode}). {Complaint}")
        {
            WasTooMuch = _child.ExitCode > SignalExitCode,
        };
    }

    /// <exception cref="IOException">The process has ended.</exception>
    public async Task WriteAsync(ClaudeInput input, bool holdsCallersData, CancellationToken cancellationToken)
    {
        _holdsCallersData |= holdsCallersData;
        await _child.Stdin.WriteAsync(input.Bytes, cancellationToken);
        await _child.Stdin.FlushAsync(cancellationToken);
    }

    /// <summary>The next frame; null at the end.</summary>
    /// <exception cref="ClaudeProtocolException">The process wrote a line that is not a frame.</exception>
    public async ValueTask<ClaudeFrame?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var frame = await _child.Stdout.ReadAsync(ClaudeFrame.Parse, cancellationToken);
            BoundMemory(frame);
            return frame;
        }
        catch (JsonException exception)
        {
            throw new ClaudeProtocolException("Claude Code wrote something that is not a frame.", exception);
        }
        catch (LineTooLongException exception)
        {
            throw new ClaudeProtocolException("Claude Code wrote a line without an end.", exception);
        }
    }

    /// <summary>
    /// Bounds the memory of the process after its start and before its first work, at its answer to <c>initialize</c>. It maps 5.5 GB at
    /// its start and uses 0.17 GB of them, so that a bound in total bytes would depend on its version.
    /// </summary>
    private void BoundMemory(ClaudeFrame? frame)
    {
        if (!_isBounded && frame is { Type: "control_response" })
        {
            _isBounded = true;
            _child.BoundMemory(ClaudeProcesses.MaxMemoryBytes);
        }
    }

    public static bool RefusedControl(JsonElement frame) => frame.Member("response")?.Text("subtype") != "success";

    /// <summary>Ends the process at once, before it can do one more thing.</summary>
    public void Kill() => _child.Kill();

    /// <summary>Bytes of memory that it holds now; 0 where the system does not tell.</summary>
    public long ResidentBytes => _child.ResidentBytes;

    public bool OutgrewMemory { get; private set; }

    public void KillForMemory()
    {
        OutgrewMemory = true;
        Kill();
    }

    /// <summary>Ends the process, its group and its home, and returns when they are gone.</summary>
    public async ValueTask DisposeAsync()
    {
        Ticket?.Dispose();
        // Its further output has no use, and a polite end costs 5 % of its processor time.
        Kill();
        await _child.DisposeAsync();
        _command.Scratch?.Dispose();
    }

    /// <summary>The text of stderr, when no caller's words can be in it.</summary>
    private string Complaint => _holdsCallersData || _child.Stderr.TotalBytes == 0 ? string.Empty : $"It said: {_child.Stderr.Redacted()}";

    /// <summary>
    /// False only when Claude Code says that it has neither token nor key. A login in a credentials file shows no <c>tokenSource</c>, and
    /// other providers than Anthropic keep their own credentials.
    /// </summary>
    private static bool? IsLoggedIn(JsonElement frame) =>
        frame.Member("response")?.Member("response")?.Member("account") is not { } account
            ? null
            : account.Text("apiProvider") is not (null or "firstParty")
                || account.Text("tokenSource") != "none"
                || account.Text("apiKeySource") is not (null or "none");
}
