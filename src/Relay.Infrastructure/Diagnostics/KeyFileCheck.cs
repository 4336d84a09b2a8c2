using Relay.Application.Diagnostics;
using Relay.Application.Keys;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Checks that <c>keys.json</c> can be read, and counts its active keys.</summary>
internal sealed class KeyFileCheck(IKeyRepository repository, TimeProvider clock) : IDiagnosticCheck
{
    public DiagnosticArea Area => DiagnosticArea.Home;

    public string Name => "keys";

    public async Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        if (!(await repository.ReadAsync(cancellationToken)).TryGet(out var keys, out var error))
        {
            return [Finding.Fail(Name, error.Message, "A running relay keeps the last good keys until it is restarted.")];
        }

        var inForce = keys.Count(key => key.IsActive(clock.GetUtcNow()));
        return
        [
            inForce == 0
                ? Finding.Warn(Name, "No key is in force: nobody can use the relay.", "Mint one with 'relayctl keys add LABEL'.")
                : Finding.Pass(Name, $"{inForce} of {keys.Count} keys in force."),
        ];
    }
}
