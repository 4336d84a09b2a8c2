using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Relay.FakeClaude;

// The real launch's arguments are ignored, but for --version and --model.
var named = args is ["--script", _, ..];
var scriptFile = named ? args[1] : Path.Combine(AppContext.BaseDirectory, "fake-claude.json");
var script = named || File.Exists(scriptFile) ? FakeScriptReader.Read(scriptFile) : new FakeScript();

// Not Console's streams: they hide a broken pipe, and a flood would then never end.
using var input = new StreamReader(new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0));
using var output = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);

if (Array.IndexOf(args, "--version") >= 0)
{
    output.Write(Encoding.UTF8.GetBytes($"{script.Version} (Claude Code)\n"));
    return 0;
}

using var term = IgnoreIfAsked(PosixSignal.SIGTERM);
using var interrupt = IgnoreIfAsked(PosixSignal.SIGINT);

var model = Array.IndexOf(args, "--model") is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : "default";
var folder = Path.GetDirectoryName(Path.GetFullPath(scriptFile))!;
if (script.Behavior == FakeBehavior.ExitBeforeReading && FakeClaudeInstall.Pids(folder).Count <= script.ExitUntil)
{
    return 3;
}

if (named)
{
    File.WriteAllBytes(FakeClaudeInstall.ReadFile(folder, Environment.ProcessId), []);
}

using var session = new Session(script, folder, new Frames(output, script, model));
return session.Run(input);

PosixSignalRegistration? IgnoreIfAsked(PosixSignal signal) =>
    script.Behavior == FakeBehavior.IgnoreSigterm ? PosixSignalRegistration.Create(signal, context => context.Cancel = true) : null;
