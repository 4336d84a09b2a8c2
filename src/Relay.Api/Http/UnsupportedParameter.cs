using System.Text.Json;

namespace Relay.Api.Http;

/// <summary>
/// A parameter of another API that Claude Code can't honour. A value may ask for the relay's usual behaviour. A harmless one is ignored and
/// named to the caller, because the answer still answers the question without it.
/// </summary>
internal sealed record UnsupportedParameter(string Name, Func<JsonElement, bool> AsksForNothing, bool IsHarmless)
{
    /// <summary>The way to get the same, for the error message.</summary>
    public string Instead { get; init; } = "Leave it out.";

    public static Func<JsonElement, bool> Number(double number) =>
        value => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var given) && given == number;

    public static Func<JsonElement, bool> Text(params string[] texts) =>
        value => value.ValueKind == JsonValueKind.String && texts.Contains(JsonText.Read(value), StringComparer.Ordinal);

    public static bool False(JsonElement value) => value.ValueKind == JsonValueKind.False;

    /// <summary>For parameters whose every value asks for something.</summary>
    public static bool Never(JsonElement value) => false;
}
