using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Auditing;
using Relay.Application.Configuration;
using Relay.Infrastructure.Diagnostics;

namespace Relay.Infrastructure.Home;

/// <summary>
/// Takes changes of <c>config.env</c> into the running relay, for settings that allow it (<see cref="SettingAttribute.Reloads"/>). It
/// takes all changes or, when one is wrong, none. For other settings it says that they wait for a restart. It looks twice a second and
/// needs no news from the file system.
/// </summary>
internal sealed class ConfigFileWatcher(
    RelayHome home,
    IConfiguration configuration,
    IEnumerable<SettingDescription> settings,
    IEnumerable<SettingsTrial> trials,
    IAuditLog auditLog,
    TimeProvider clock,
    ILogger<ConfigFileWatcher> logger
) : BackgroundService
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(500);

    private readonly IConfigurationRoot _root = (IConfigurationRoot)configuration;
    private readonly ConfigEnvProvider _provider = ((IConfigurationRoot)configuration).Providers.OfType<ConfigEnvProvider>().Single();
    private readonly Dictionary<string, SettingDescription> _settings = settings.ToDictionary(
        setting => setting.Name,
        StringComparer.OrdinalIgnoreCase
    );
    private IReadOnlyDictionary<string, string?>? _file;
    private (long Length, DateTime ModifiedAt)? _seen;
    private string? _reported;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(CheckInterval, clock);
        do
        {
            try
            {
                Check();
            }
            catch (Exception exception) when (exception is FormatException or IOException or UnauthorizedAccessException)
            {
                if (_reported != exception.Message)
                {
                    _reported = exception.Message;
                    logger.LogError("config.env can't be read: {Reason} The settings stay as they are", exception.Message);
                }
            }
        } while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    internal void Check()
    {
        var file = new FileInfo(home.ConfigFile);
        var found = file.Exists ? (file.Length, file.LastWriteTimeUtc) : ((long, DateTime)?)null;
        if (found == _seen)
        {
            return;
        }

        var wanted = ConfigEnv.Read(home.ConfigFile);
        (_seen, _reported) = (found, null);
        // The first look compares with the values at the relay's start: the file may have changed since.
        var before = _file ?? _provider.Values;
        var changed = wanted
            .Keys.Union(before.Keys, StringComparer.OrdinalIgnoreCase)
            .Where(name => wanted.GetValueOrDefault(name) != before.GetValueOrDefault(name))
            .Order(StringComparer.Ordinal)
            .ToList();
        var reloadable = changed.Where(name => _settings.GetValueOrDefault(name) is { Reloads: true }).ToList();
        if (reloadable.Count > 0 && !TryApply(reloadable, wanted))
        {
            return;
        }

        _file = wanted;
        foreach (var name in changed.Where(name => _settings.GetValueOrDefault(name) is not { Reloads: true }))
        {
            logger.LogWarning(
                "{Name} was changed in config.env: restart the relay to put it into effect",
                _settings.ContainsKey(name) ? name : UnknownSettings.Shown(name)
            );
        }
    }

    private bool TryApply(IReadOnlyList<string> names, Dictionary<string, string?> wanted)
    {
        var before = _provider.Values;
        var after = new Dictionary<string, string?>(before, StringComparer.OrdinalIgnoreCase);
        foreach (var name in names)
        {
            if (wanted.TryGetValue(name, out var value))
            {
                after[name] = value;
            }
            else
            {
                after.Remove(name);
            }
        }

        var inForce = names.ToDictionary(name => name, name => _root[name], StringComparer.OrdinalIgnoreCase);
        _provider.Replace(after);
        if (FindProblems() is { Count: > 0 } problems)
        {
            _provider.Replace(before);
            foreach (var problem in problems)
            {
                logger.LogError("config.env has a mistake: {Problem} The settings stay as they are", problem);
            }

            return false;
        }

        _provider.Announce();
        foreach (var name in names)
        {
            Report(name, isOverridden: _root[name] == inForce[name]);
        }

        return true;
    }

    private List<string> FindProblems()
    {
        var problems = new List<string>();
        foreach (var trial in trials)
        {
            try
            {
                trial.Run();
            }
            catch (OptionsValidationException invalid)
            {
                problems.AddRange(invalid.Failures);
            }
        }

        return problems;
    }

    private void Report(string name, bool isOverridden)
    {
        if (isOverridden)
        {
            logger.LogWarning("{Name} was changed in config.env, but the environment or the command line overrides it", name);
            return;
        }

        var value = _root[name] is { Length: > 0 } text ? text : _settings[name].Default;
        logger.LogInformation("{Name} is {Value} from now on", name, value.Length == 0 ? "unset" : value);
        auditLog.Write(new AuditEntry("setting_changed") { Detail = $"{name}={value}" });
    }
}
