using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// Has Claude Code renew the login, in a process that never sees a caller's word. <c>claude auth status</c> renews an access token that
/// ends within five minutes, and writes the new one into the login's file (measured on 2.1.330).
/// </summary>
internal sealed class LoginRenewal(
    ClaudeLocator locator,
    LoginFile login,
    LoginStatusReader status,
    RelayHome home,
    IOptions<ClaudeCodeOptions> options,
    IConfiguration configuration
)
{
    /// <summary>Runs the renewal to its end.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">The executable can't be run.</exception>
    /// <exception cref="IOException">There is no executable, or no place for its directories.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!locator.Find().TryGet(out var binary, out var missing))
        {
            throw new FileNotFoundException(missing.Message);
        }

        using var scratch = ScratchDirectory.Create(home);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["HOME"] = scratch.Home,
            ["TMPDIR"] = scratch.Temporary,
            ["CLAUDE_CONFIG_DIR"] = scratch.Home,
            ["CLAUDE_SECURESTORAGE_CONFIG_DIR"] = login.Directory ?? scratch.Home,
            ["PATH"] = "/nonexistent",
            ["DISABLE_AUTOUPDATER"] = "1",
            ["DISABLE_TELEMETRY"] = "1",
            ["DISABLE_ERROR_REPORTING"] = "1",
        };
        foreach (var name in options.Value.PassEnv)
        {
            if (configuration[name] is { Length: > 0 } value)
            {
                environment[name] = value;
            }
        }

        await status.ReadAsync(new ProcessSpec(binary.Path, LoginStatusReader.Arguments, environment, scratch.Home), cancellationToken);
    }
}
