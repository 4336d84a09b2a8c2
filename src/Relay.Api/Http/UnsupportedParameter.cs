using System.Text.Json;

namespace Relay.Api.Http;

/// <summary>A parameter of another API that Claude Code can't honour.</summary>
/// <param name="Name">Its wire name.</param>
/// <param name="AsksForNothing">Whether a value asks for the relay's usual behaviour.</param>
/// <param name="IsHarmless">
/// Whether the answer still answers the question without it. The parameter is then ignored, and named to the caller.
/// </param>
internal sealed record UnsupportedParameter(string Name, Func<JsonElement, bool> AsksForNothing, bool IsHarmless)
{
    /// <summary>The way to get the same, for the error message.</summary>
    public string Instead { get; init; } = "Leave it out.";

    /// <summary>Whether it is one of these numbers.</summary>
    public static Func<JsonElement, bool> Number(double number) =>
        value => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var given) && given == number;

    /// <summary>Whether it is one of these texts.</summary>
    public static Func<JsonElement, bool> Text(params string[] texts) =>
        value => value.ValueKind == JsonValueKind.String && texts.Contains(JsonText.Read(value), StringComparer.Ordinal);

    /// <summary>Whether it is false.</summary>
    public static bool False(JsonElement value) => value.ValueKind == JsonValueKind.False;

    /// <summary>For parameters whose every value asks for something.</summary>
    public static bool Never(JsonElement value) => false;
}
