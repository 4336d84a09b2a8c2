using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Relay.FakeClaude;

// Started by the script of FakeClaudeInstall: --script FILE, and then the arguments of the real launch, of which --model counts.
var scriptFile = args[1];
var script = FakeScriptReader.Read(scriptFile);

// Not Console's streams: they hide a broken pipe, and a flood would then never end.
using var input = new StreamReader(new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0));
using var output = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);

using var term = IgnoreIfAsked(PosixSignal.SIGTERM);
using var interrupt = IgnoreIfAsked(PosixSignal.SIGINT);

var model = Array.IndexOf(args, "--model") is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : "default";
var folder = Path.GetDirectoryName(Path.GetFullPath(scriptFile))!;
if (script.Behavior == FakeBehavior.ExitBeforeReading && FakeClaudeInstall.Pids(folder).Count <= script.ExitUntil)
{
    return 3;
}

File.WriteAllBytes(FakeClaudeInstall.ReadFile(folder, Environment.ProcessId), []);

using var session = new Session(script, folder, new Frames(output, script, model));
return session.Run(input);

PosixSignalRegistration? IgnoreIfAsked(PosixSignal signal) =>
    script.Behavior == FakeBehavior.IgnoreSigterm ? PosixSignalRegistration.Create(signal, context => context.Cancel = true) : null;
