using Microsoft.Extensions.Configuration;

namespace Relay.Infrastructure.Home;

/// <summary>The values of a <c>config.env</c>: as they were when it was loaded, or as they were replaced since.</summary>
internal sealed class ConfigEnvProvider(string path) : ConfigurationProvider
{
    public IReadOnlyDictionary<string, string?> Values => Data.AsReadOnly();

    public override void Load() => Data = ConfigEnv.Read(path);

    /// <summary>Replaces the values. The change is told with <see cref="Announce"/>.</summary>
    public void Replace(IReadOnlyDictionary<string, string?> values) =>
        Data = new Dictionary<string, string?>(values, StringComparer.OrdinalIgnoreCase);

    /// <summary>Has options that follow the configuration bound again.</summary>
    public void Announce() => OnReload();
}
