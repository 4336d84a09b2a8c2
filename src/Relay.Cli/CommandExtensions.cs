using System.CommandLine;
using Relay.Application.Diagnostics;

namespace Relay.Cli;

/// <summary>How every command runs: in an opened home, and without ever showing a stack trace.</summary>
internal static class CommandExtensions
{
    /// <summary>Sets what a command does.</summary>
    /// <param name="command">The command.</param>
    /// <param name="action">Answers the exit code.</param>
    /// <param name="home">What it needs of the home.</param>
    /// <param name="needsSettings">Whether a <c>config.env</c> that can't be read is in the way.</param>
    public static Command Runs(
        this Command command,
        Func<Operation, CancellationToken, Task<int>> action,
        HomeUse home = HomeUse.Existing,
        bool needsSettings = true
    )
    {
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                try
                {
                    await using var operation = Operation.Open(parsed, home, needsSettings);
                    await operation.StartAsync(cancellationToken);
                    try
                    {
                        return await action(operation, cancellationToken);
                    }
                    finally
                    {
                        // Also after Ctrl-C: what was done is put on record.
                        await operation.StopAsync(CancellationToken.None);
                    }
                }
                catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
                {
                    return ExitCode.Failed; // Ctrl-C: whoever pressed it knows.
                }
                catch (Exception exception)
                {
                    await parsed.InvocationConfiguration.Error.WriteLineAsync(Printable.Text(Sentences.Of(exception)));
                    return ExitCode.Failed;
                }
            }
        );
        return command;
    }
}
