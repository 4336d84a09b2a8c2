using System.Text.Json;
using System.Text.Json.Serialization;

namespace Relay.Cli;

/// <summary>Results for programs: one JSON document on stdout, with every character beyond ASCII escaped.</summary>
internal static class Json
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        WriteIndented = true,
    };

    /// <summary>The option of every command with a result.</summary>
    public static System.CommandLine.Option<bool> Option() => new("--json") { Description = "Write the result as JSON." };

    public static void Write<T>(TextWriter output, T document) => output.WriteLine(JsonSerializer.Serialize(document, Options));
}
