using System.ComponentModel;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Timing;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Starts a sacrificial process exactly as completions are started, and checks its version, its login, its <c>init</c> frame and, in a
/// rehearsal at the gate, the form of its requests. Costs no call of the API.
/// </summary>
internal sealed class LockdownSelfTest(
    ProcessStarter starter,
    ClaudeSandbox sandbox,
    GateListener gate,
    ApiCredentials credentials,
    AcceptedShapes shapes,
    IOptions<CompletionOptions> options,
    IOptions<ClaudeCodeOptions> claude,
    TimeProvider clock,
    ILogger<LockdownSelfTest> logger
)
{
    private static readonly TimeSpan VersionTimeout = TimeSpan.FromSeconds(20);

    public async Task<SelfTestReport> RunAsync(ClaudeBinary binary, CancellationToken cancellationToken)
    {
        Version? version = null;
        try
        {
            version = await ReadVersionAsync(binary, cancellationToken);
            if (version is null)
            {
                return new SelfTestReport.Failed(
                    null,
                    new RelayError(
                        ErrorCode.ClaudeMissing,
                        "The claude executable does not answer --version like Claude Code. Check CLAUDE_BIN."
                    )
                );
            }

            if (version < ClaudeBinary.MinimumVersion)
            {
                return new SelfTestReport.Failed(
                    version,
                    new RelayError(ErrorCode.ClaudeMissing, $"{ClaudeBinary.TooOld(version)} Run 'claude update'.")
                );
            }

            return await CheckLockdownAsync(new EngineGeneration(0, binary, version), cancellationToken);
        }
        catch (ClaudeProtocolException exception) when (exception.IsDifference)
        {
            return new SelfTestReport.Failed(version, EngineState.OtherForm(version, exception.Message), exception.Message);
        }
        catch (ClaudeProtocolException exception)
        {
            // Logged, not told to callers: the text of a program that fails names files of this host.
            logger.LogError("The self-test of {Path} broke off: {Problem}", binary.Path, exception.Message);
            return new SelfTestReport.Failed(
                version,
                new RelayError(
                    ErrorCode.ClaudeMissing,
                    "Claude Code does not start as it should. The relay's log says how; check CLAUDE_BIN, and whether this machine finds "
                        + "names in the network: without, it starts too slowly."
                )
            );
        }
        catch (Exception exception) when (exception is Win32Exception or IOException or UnauthorizedAccessException)
        {
            logger.LogError(exception, "{Path} can't be started", binary.Path);
            return new SelfTestReport.Failed(
                version,
                new RelayError(ErrorCode.ClaudeMissing, "Claude Code can't be started. The relay's log says why.")
            );
        }
    }

    private async Task<SelfTestReport> CheckLockdownAsync(EngineGeneration generation, CancellationToken cancellationToken)
    {
        await gate.StartAsync(cancellationToken);
        var preparation = new Preparation(PromptText.Create("system", "This is a self-test.").Value, Schema: null);
        await using var process = await ClaudeProcess.StartAsync(
            starter,
            sandbox,
            gate,
            generation,
            options.Value.DefaultModel,
            takesSchema: false,
            clock,
            cancellationToken
        );
        var found = await process.PrepareAsync(preparation.System, schema: null, cancellationToken);
        if (found.Violation is not null)
        {
            return new SelfTestReport.Failed(generation.Version, EngineState.Violation, found.Violation);
        }

        if (found.IsLoggedIn == false || (gate.IsInForce && !credentials.IsPresent))
        {
            return new SelfTestReport.Failed(
                generation.Version,
                new RelayError(ErrorCode.NotLoggedIn, $"Claude Code is not logged in. {claude.Value.LoginAdvice}")
            );
        }

        if (gate.IsInForce)
        {
            shapes.Accept(
                process,
                await process.RehearseAsync(
                    TurnExpectation.Rehearsal(process.Model, preparation, options.Value.MaxOutputTokens),
                    cancellationToken
                )
            );
        }

        return new SelfTestReport.Passed(generation.Version);
    }

    private async Task<Version?> ReadVersionAsync(ClaudeBinary binary, CancellationToken cancellationToken)
    {
        var command = sandbox.Confine(binary, ["--version"]);
        using var scratch = command.Scratch;
        await using var child = await starter.StartAsync(command.Spec, ClaudeProcess.MaxLineBytes, cancellationToken);
        using var deadline = new Deadline(VersionTimeout, clock, cancellationToken);
        try
        {
            var line = await child.Stdout.ReadAsync(bytes => Encoding.UTF8.GetString(in bytes), deadline.Token);
            if (line is null)
            {
                await child.Exited.WaitAsync(deadline.Token);
                throw new ClaudeProtocolException($"It ended with exit code {child.ExitCode}. {child.Stderr.Redacted()}");
            }

            return ClaudeLockdown.ParseVersion(line);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ClaudeProtocolException($"It did not answer --version within {VersionTimeout.TotalSeconds} s.");
        }
        catch (LineTooLongException exception)
        {
            throw new ClaudeProtocolException("It answers --version with megabytes.", exception);
        }
    }
}
