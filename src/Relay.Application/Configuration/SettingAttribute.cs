namespace Relay.Application.Configuration;

/// <summary>
/// Binds a property of an options class to a flat name of <c>config.env</c>, the environment or the command line. The
/// property's initial value is the default. Supported types: string, int, long (sizes: <c>200000</c>, <c>8MB</c>), bool,
/// enums (snake or kebab case), <see cref="TimeSpan"/> (<c>120</c>, <c>120s</c>, <c>2m</c>, <c>1h</c>; a bare number is
/// seconds), <see cref="Uri"/> and comma-separated lists.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingAttribute(string name, string help) : Attribute
{
    /// <summary>The flat name, upper case.</summary>
    public string Name { get; } = name;

    /// <summary>One line for <c>config.env</c>.</summary>
    public string Help { get; } = help;

    /// <summary>Smallest value, in the setting's own notation; null for none.</summary>
    public string? Min { get; init; }

    /// <summary>Largest value, in the setting's own notation; null for none.</summary>
    public string? Max { get; init; }

    /// <summary>Whether its value is a credential, which is never printed.</summary>
    public bool Secret { get; init; }

    /// <summary>
    /// Whether a change in <c>config.env</c> takes effect within a second, without a restart. Code that uses such a setting reads it from
    /// <c>IOptionsMonitor</c> at each use.
    /// </summary>
    public bool Reloads { get; init; }
}
