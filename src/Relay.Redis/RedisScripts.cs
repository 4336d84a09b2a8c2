using System.Reflection;
using Relay.Application.Usage;

namespace Relay.Redis;

/// <summary>
/// The scripts, which lie beside this file. The client sends a hash, and the text to a server that does not know the hash.
/// </summary>
internal static class RedisScripts
{
    private static readonly string Common = $"local USAGE_DAYS = {UsageRow.KeptDays}\n{Read("Common")}";

    public static string Charge { get; } = WithCommon("Charge");

    public static string Settle { get; } = WithCommon("Settle");

    public static string GiveBack { get; } = WithCommon("GiveBack");

    public static string Peek { get; } = WithCommon("Peek");

    public static string Place { get; } = WithCommon("Place");

    public static string Sweep { get; } = WithCommon("Sweep");

    public static string Merge { get; } = WithCommon("Merge");

    public static string Pulse { get; } = WithCommon("Pulse");

    public static string Claim { get; } = WithCommon("Claim");

    public static string Keep { get; } = WithCommon("Keep");

    public static string Release { get; } = Read("Release");

    public static string Bury { get; } = WithCommon("Bury");

    public static string Leave { get; } = Read("Leave");

    public static string WriteKeys { get; } = Read("WriteKeys");

    public static string ReadKeys { get; } = Read("ReadKeys");

    private static string WithCommon(string name) => $"{Common}\n{Read(name)}";

    private static string Read(string name)
    {
        using var stream =
            Assembly.GetExecutingAssembly().GetManifestResourceStream($"Relay.Redis.Scripts.{name}.lua")
            ?? throw new InvalidOperationException($"There is no script '{name}'.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
