using Relay.Application.Diagnostics;

namespace Relay.Cli;

/// <summary>Runs every command in an opened home, and never shows a stack trace.</summary>
internal static class CommandExtensions
{
    /// <summary>Sets the action of a command. A command that needs settings fails when <c>config.env</c> can't be read.</summary>
    public static Command Runs(
        this Command command,
        Func<CommandSession, CancellationToken, Task<int>> action,
        HomeUse home = HomeUse.MustExist,
        bool needsSettings = true
    )
    {
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                try
                {
                    await using var session = CommandSession.Open(parsed, home, needsSettings);
                    await session.StartAsync(cancellationToken);
                    try
                    {
                        return await action(session, cancellationToken);
                    }
                    finally
                    {
                        // Also after Ctrl-C: the changes that were made are recorded.
                        await session.StopAsync(CancellationToken.None);
                    }
                }
                catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
                {
                    return ExitCode.Failed; // After Ctrl-C no message is needed.
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
