using Microsoft.Extensions.Options;
using Relay.Application.Diagnostics;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Cli;

/// <summary><c>relayctl login</c>.</summary>
internal static class LoginCommand
{
    public static Command Create()
    {
        var force = new Option<bool>("--force") { Description = "Run also when standard input is not a terminal." };
        return new ExampleCommand(
            "login",
            "Log Claude Code in for the relay alone: runs 'claude auth login' here, and keeps the login in the relay's home, apart from "
                + "this user's own. CLAUDE_AUTH=login then uses it.",
            "relayctl login"
        )
        {
            force,
        }.Runs(
            async (session, cancellationToken) =>
            {
                var login = session.Get<IClaudeLogin>();
                if (!login.IsInteractive && !session.Value(force))
                {
                    await session.Error.WriteLineAsync(
                        "A login asks questions, and standard input is not a terminal. Run this in a terminal, or with --force."
                    );
                    return ExitCode.Failed;
                }

                if (!(await login.LogInAsync(cancellationToken)).TryGet(out var status, out var problem))
                {
                    return session.Refuse(problem);
                }

                await session.Error.WriteLineAsync(
                    Printable.Text($"Logged in ({status.Method}); the login is in {session.Home.ClaudeDirectory}.")
                );
                await session.Error.WriteLineAsync(
                    session.Get<IOptions<ClaudeCodeOptions>>().Value.Auth == ClaudeAuth.Login
                        ? "A relay without a login uses it within half a minute. Restart a relay that used another login."
                        : "CLAUDE_AUTH is not 'login', so the relay does not use it. Set CLAUDE_AUTH=login, and restart it."
                );
                return ExitCode.Done;
            },
            home: HomeUse.CreateAndClose
        );
    }
}
