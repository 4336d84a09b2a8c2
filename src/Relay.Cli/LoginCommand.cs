using System.CommandLine;
using Microsoft.Extensions.Options;
using Relay.Application.Diagnostics;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Cli;

/// <summary><c>relayctl login</c>.</summary>
internal static class LoginCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var force = new Option<bool>("--force") { Description = "Also where standard input is no terminal." };
        return new ExampleCommand(
            "login",
            "Log Claude Code in for the relay alone: runs 'claude auth login' here, and keeps the login in the relay's home, apart from "
                + "this user's own. CLAUDE_AUTH=login then uses it.",
            "relayctl login"
        )
        {
            force,
        }.Runs(
            async (operation, cancellationToken) =>
            {
                var login = operation.Get<IClaudeLogin>();
                if (!login.IsInteractive && !operation.Value(force))
                {
                    await operation.Error.WriteLineAsync(
                        "A login asks questions, and standard input is no terminal. Run this in a terminal, or with --force."
                    );
                    return ExitCode.Failed;
                }

                if (!(await login.LogInAsync(cancellationToken)).TryGet(out var status, out var problem))
                {
                    return operation.Refuse(problem);
                }

                await operation.Error.WriteLineAsync(
                    Printable.Text($"Logged in ({status.Method}); the login is in {operation.Home.ClaudeDirectory}.")
                );
                await operation.Error.WriteLineAsync(
                    operation.Get<IOptions<ClaudeCodeOptions>>().Value.Auth == ClaudeAuth.Login
                        ? "A relay that says it is not logged in picks it up within half a minute. Restart one that used another login."
                        : "The relay's CLAUDE_AUTH is another than 'login': set CLAUDE_AUTH=login in config.env, and restart it."
                );
                return ExitCode.Done;
            },
            home: HomeUse.Made
        );
    }
}
