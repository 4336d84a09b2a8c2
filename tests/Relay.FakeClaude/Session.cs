using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Relay.FakeClaude;

/// <summary>Reads frames one at a time and does what the script says. One thread, blocking: nothing here runs at once.</summary>
internal sealed class Session(FakeScript script, string folder, Frames frames) : IDisposable
{
    private readonly Timer parkedLife = new(_ => Environment.Exit(0));
    private int realTurns;
    private bool silent;
    private int exitCode;

    /// <summary>Runs until stdin ends or the script says so.</summary>
    /// <returns>The exit code.</returns>
    public int Run(TextReader input)
    {
        LimitParkedLife();
        try
        {
            while (input.ReadLine() is { } line)
            {
                if (!silent && Handle(line) is { } code)
                {
                    return code;
                }
            }
        }
        catch (JsonException)
        {
            return 1; // As the real one ends after a malformed line.
        }
        catch (IOException)
        {
            return 1; // Nobody reads stdout any more: there is nothing left to do, and nobody to tell.
        }

        if (script.IgnoreEof || script.Behavior == FakeBehavior.IgnoreSigterm)
        {
            Pause(Timeout.Infinite);
        }

        return exitCode;
    }

    public void Dispose() => parkedLife.Dispose();

    private static void Pause(int milliseconds)
    {
        if (milliseconds != 0)
        {
            Task.Delay(milliseconds).Wait();
        }
    }

    private int? Handle(string line)
    {
        using var frame = JsonDocument.Parse(line);
        var root = frame.RootElement;
        switch (root.GetProperty("type").GetString())
        {
            case "control_request":
                Control(root.GetProperty("request_id").GetString()!, root.GetProperty("request"));
                return null;
            case "user" when root.TryGetProperty("shouldQuery", out var query) && query.ValueKind == JsonValueKind.False:
                frames.Init(deviating: script.InitOnlyFromTurn <= realTurns);
                frames.EmptyResult();
                return null;
            case "user":
                return RealTurn(root.GetProperty("message").GetProperty("content"));
            default:
                return null; // An assistant turn of the history: the real one takes it without a word.
        }
    }

    private void Control(string id, JsonElement request)
    {
        var subtype = request.GetProperty("subtype").GetString()!;
        switch (subtype)
        {
            case "initialize" when script.IgnoreInitialize:
                break;
            case "initialize" when script.RefuseInitialize:
                frames.ControlError(id, "Refused by the script", "initialize_failed");
                break;
            case "initialize":
                frames.HasSchema = request.TryGetProperty("jsonSchema", out _);
                frames.Initialized(id);
                LimitParkedLife();
                break;
            case "set_model":
                frames.SetModel(id, request.GetProperty("model").GetString()!);
                break;
            case "apply_flag_settings":
                frames.Applied(id);
                break;
            default:
                frames.ControlError(id, $"Unsupported control request subtype: {subtype}", "unsupported_request");
                break;
        }
    }

    private int? RealTurn(JsonElement content)
    {
        realTurns++;
        parkedLife.Change(Timeout.Infinite, Timeout.Infinite);
        if (script.Behavior is FakeBehavior.StallBeforeInit or FakeBehavior.IgnoreSigterm)
        {
            silent = true;
            return null;
        }

        frames.Init(deviating: script.InitOnlyFromTurn <= realTurns);
        if (script.Behavior == FakeBehavior.ExitAfterInit)
        {
            return 3;
        }

        frames.Status();
        if (script.Behavior != FakeBehavior.SlowAnswer)
        {
            Pause(script.DelayMs);
        }

        var text = script.EchoPrompt ? PromptText(content) : script.Answer;
        switch (script.Behavior)
        {
            case FakeBehavior.Stall:
                silent = true;
                return null;
            case FakeBehavior.GrandchildStall:
                LeaveGrandchild();
                silent = true;
                return null;
            case FakeBehavior.HalfLine:
                frames.HalfResult(text);
                return 0;
            case FakeBehavior.HalfLineThenStall:
                frames.HalfResult(text);
                silent = true;
                return null;
            case FakeBehavior.HugeLine:
                frames.HugeResult(script.HugeLineBytes);
                return null;
            case FakeBehavior.EndlessLine:
                frames.HugeResult(long.MaxValue);
                return null;
            case FakeBehavior.Garbage:
                frames.Garbage(lines: 3);
                return 0;
            case FakeBehavior.GarbageForever:
                frames.Garbage(lines: long.MaxValue);
                return null;
            case FakeBehavior.ApiRetryForever:
                RetryForever();
                return null;
            case FakeBehavior.ErrorResult:
                exitCode = 1;
                frames.LimitRejected();
                frames.Error(script.ErrorStatus, script.ErrorName, script.ErrorText, script.TerminalReason);
                return null;
            case FakeBehavior.NotLoggedIn:
                exitCode = 1;
                frames.Error(status: null, "authentication_failed", "Not logged in · Please run /login", "api_error");
                return null;
            case FakeBehavior.MaxTurns:
                exitCode = 1;
                frames.Message(text, deltas: 1);
                frames.MaxTurns();
                return null;
            case FakeBehavior.StderrFlood:
                FloodStderr();
                break;
            case FakeBehavior.Grandchild:
                LeaveGrandchild();
                break;
            case FakeBehavior.ManyMessageStarts:
                for (var extra = 1; extra < script.MessageStarts; extra++)
                {
                    frames.Message(text, deltas: 1);
                }

                break;
        }

        frames.Message(text, script.Deltas);
        if (script.Behavior == FakeBehavior.SlowAnswer)
        {
            Pause(script.DelayMs);
        }

        frames.Result(text);
        return script.Behavior == FakeBehavior.Grandchild ? 0 : null;
    }

    private static string PromptText(JsonElement content) =>
        content.ValueKind == JsonValueKind.String
            ? content.GetString()!
            : string.Concat(
                content
                    .EnumerateArray()
                    .Where(block => block.GetProperty("type").ValueEquals("text"))
                    .Select(block => block.GetProperty("text").GetString())
            );

    private void RetryForever()
    {
        for (var attempt = 1; ; attempt++)
        {
            frames.ApiRetry(attempt);
            Pause(1000);
        }
    }

    private void LimitParkedLife()
    {
        if (script.Behavior == FakeBehavior.DieWhileParked)
        {
            parkedLife.Change(script.ParkedLifeMs, Timeout.Infinite);
        }
    }

    private void LeaveGrandchild()
    {
        using var child = Process.Start(new ProcessStartInfo("/bin/sleep", "300") { UseShellExecute = false })!;
        File.AppendAllText(Path.Combine(folder, FakeClaudeInstall.GrandchildPidFile), $"{child.Id}\n");
    }

    private void FloodStderr()
    {
        using var stderr = new FileStream(new SafeFileHandle(2, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        var lines = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat($"something secret-ish {FakeScript.StderrSecret}\n", 800)));
        for (var left = script.StderrBytes; left > 0; left -= lines.Length)
        {
            stderr.Write(lines.AsSpan(0, Math.Min(left, lines.Length)));
        }
    }
}
