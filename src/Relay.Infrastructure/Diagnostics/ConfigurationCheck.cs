using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Relay.Application.Configuration;
using Relay.Application.Diagnostics;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Checks the settings by the relay's own validators: all problems at once, and unknown names in <c>config.env</c>.</summary>
internal sealed class ConfigurationCheck(
    IStartupValidator validator,
    IEnumerable<SettingDescription> settings,
    IConfiguration configuration,
    RelayHome home
) : IDiagnosticCheck
{
    public DiagnosticArea Area => DiagnosticArea.Configuration;

    public string Name => "configuration";

    public Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        var findings = FindProblems()
            .Select(problem => Finding.Fail(Name, problem, $"Change it in {home.ConfigFile} or in the environment."))
            .Concat(
                UnknownNames()
                    .Select(name =>
                        Finding.Warn(
                            Name,
                            $"{UnknownSettings.Shown(name)} in config.env is not a setting of this relay.",
                            "Correct the name or remove the line; 'relayctl config show' lists all settings."
                        )
                    )
            )
            .ToList();
        if (findings.All(finding => finding.Status != FindingStatus.Fail))
        {
            findings.Insert(
                0,
                Finding.Pass(
                    Name,
                    File.Exists(home.ConfigFile)
                        ? $"All settings are valid ({home.ConfigFile}, then the environment)."
                        : "All settings are valid; there is no config.env."
                )
            );
        }

        return Task.FromResult<IReadOnlyList<Finding>>(findings);
    }

    private IReadOnlyList<string> FindProblems()
    {
        try
        {
            validator.Validate();
            return [];
        }
        catch (OptionsValidationException invalid)
        {
            return [.. invalid.Failures];
        }
        catch (AggregateException several) when (several.InnerExceptions.All(inner => inner is OptionsValidationException))
        {
            return [.. several.InnerExceptions.Cast<OptionsValidationException>().SelectMany(invalid => invalid.Failures)];
        }
    }

    /// <summary>Names that are neither settings nor variables for Claude Code.</summary>
    private IEnumerable<string> UnknownNames()
    {
        return UnknownSettings.Find(ConfigEnv.Read(home.ConfigFile).Keys, settings, configuration).Order(StringComparer.Ordinal);
    }
}
