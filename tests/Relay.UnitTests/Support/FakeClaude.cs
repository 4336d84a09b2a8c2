using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Processes;

namespace Relay.UnitTests.Support;

/// <summary>Starts children that are no processes, and keeps them for the test to look at.</summary>
internal sealed class FakeStarter(TimeProvider clock) : IProcessStarter
{
    private readonly Lock _lock = new();
    private readonly List<FakeChild> _started = [];

    /// <summary>The reaction of children that start from now on to a line of their input.</summary>
    public Action<FakeChild, JsonElement> Behavior { get; set; } = FakeChild.AnswerLikeClaude;

    /// <summary>Called before each start; may fail it.</summary>
    public Action? Starting { get; set; }

    /// <summary>All that were started.</summary>
    public IReadOnlyList<FakeChild> Started
    {
        get
        {
            lock (_lock)
            {
                return [.. _started];
            }
        }
    }

    public Task<IChildProcess> StartAsync(ProcessSpec spec, int maxLineBytes, CancellationToken cancellationToken)
    {
        Starting?.Invoke();
        lock (_lock)
        {
            var child = new FakeChild(1000 + _started.Count, spec, Behavior, clock);
            _started.Add(child);
            return Task.FromResult<IChildProcess>(child);
        }
    }
}

/// <summary>A locked-down Claude Code without a process, as far as the relay looks at it.</summary>
internal sealed class FakeChild : IChildProcess
{
    private readonly Lock _lock = new();
    private readonly Pipe _output = new(new PipeOptions(pauseWriterThreshold: 0));
    private readonly TaskCompletionSource _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LineSink _input;

    /// <summary>Memory that it says it holds.</summary>
    public long ResidentBytes { get; set; }

    /// <summary>The input that it got before its memory was bounded; null while it was not bounded.</summary>
    public string? InputBeforeBound { get; private set; }

    public void BoundMemory(long moreBytes) => InputBeforeBound ??= moreBytes == ClaudeProcesses.MaxMemoryBytes ? Input : null;

    public FakeChild(int id, ProcessSpec spec, Action<FakeChild, JsonElement> behavior, TimeProvider clock)
    {
        (Id, Spec) = (id, spec);
        _input = new LineSink(line =>
        {
            Input += line;
            behavior(this, JsonElement.Parse(line));
        });
        Stdout = new LineReader(_output.Reader.AsStream(), ClaudeProcess.MaxLineBytes, clock);
    }

    public int Id { get; }

    public ProcessSpec Spec { get; }

    public Stream Stdin => _input;

    public LineReader Stdout { get; }

    public StderrTail Stderr { get; } = StderrTail.Drain(Stream.Null);

    public Task Exited => _exited.Task;

    public int? ExitCode { get; private set; }

    /// <summary>All that was written to it.</summary>
    public string Input { get; private set; } = string.Empty;

    private object? _state;

    /// <summary>The state that a behavior keeps for this child.</summary>
    public T StateOf<T>(Func<T> create)
        where T : class => (T)(_state ??= create());

    /// <summary>The number of times that it was told to stop.</summary>
    public int Stops { get; private set; }

    /// <summary>Whether a schema was told.</summary>
    public bool HasSchema { get; private set; }

    /// <summary>Takes what is told before a turn, and answers a turn with <c>Hello.</c></summary>
    public static void AnswerLikeClaude(FakeChild child, JsonElement line)
    {
        if (child.TakePreparation(line, acceptsSchema: true))
        {
            return;
        }

        child.Say(
            child.Init,
            Frames.MessageStart,
            Frames.TextStart,
            Frames.Delta("Hello."),
            Frames.Stop("end_turn"),
            Frames.MessageStop,
            Frames.Success("Hello.")
        );
    }

    /// <summary>As a Claude Code whose validator takes no schema.</summary>
    public static void RefuseSchemas(FakeChild child, JsonElement line) => child.TakePreparation(line, acceptsSchema: false);

    /// <summary>As a Claude Code that dies of what it is told before a turn.</summary>
    public static void DieOfPreparation(FakeChild child, JsonElement line) => child.Exit(134);

    /// <summary>As a Claude Code that never gets through what it is told before a turn.</summary>
    public static void SayNothing(FakeChild child, JsonElement line) { }

    /// <summary>The <c>init</c> frame.</summary>
    public string Init => HasSchema ? Frames.With(Frames.Init, "tools", """["StructuredOutput"]""") : Frames.Init;

    /// <summary>Answers a control request and a turn that asks for nothing; false for a real turn.</summary>
    public bool TakePreparation(JsonElement line, bool acceptsSchema)
    {
        if (line.GetProperty("type").GetString() == "control_request")
        {
            HasSchema |= acceptsSchema && line.GetProperty("request").TryGetProperty("jsonSchema", out _);
            Say(
                $$"""{"type":"control_response","response":{"subtype":"success","request_id":"{{line.GetProperty("request_id").GetString()}}"} }"""
            );
            return true;
        }

        if (line.TryGetProperty("shouldQuery", out _))
        {
            Say(Init, Frames.Success(string.Empty));
            return true;
        }

        return false;
    }

    /// <summary>Writes frames.</summary>
    public void Say(params IEnumerable<string> frames)
    {
        lock (_lock)
        {
            if (!_exited.Task.IsCompleted)
            {
                foreach (var frame in frames)
                {
                    _output.Writer.Write(Encoding.UTF8.GetBytes(frame.Trim() + "\n"));
                }

                _ = _output.Writer.FlushAsync(CancellationToken.None).AsTask();
            }
        }
    }

    /// <summary>Its end of the pipe of its input breaks with the next write.</summary>
    public void BreakInput() => _input.IsBroken = true;

    /// <summary>Ends by itself.</summary>
    public void Exit(int code)
    {
        lock (_lock)
        {
            if (!_exited.Task.IsCompleted)
            {
                ExitCode = code;
                _output.Writer.Complete();
                _exited.SetResult();
            }
        }
    }

    public void Kill() => Exit(137);

    public Task StopAsync()
    {
        Stops++;
        Exit(0);
        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private sealed class LineSink(Action<string> take) : MemoryStream
    {
        public bool IsBroken { get; set; }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (IsBroken)
            {
                throw new IOException("Broken pipe");
            }

            foreach (var line in Encoding.UTF8.GetString(buffer.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                take(line);
            }

            return IsBroken ? throw new IOException("Broken pipe") : ValueTask.CompletedTask;
        }
    }
}
