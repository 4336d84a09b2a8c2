using System.Text.Json;
using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>A parameter of another API that Claude Code can't honour.</summary>
/// <param name="Name">Its wire name.</param>
/// <param name="Value">As it came; null when it is missing.</param>
/// <param name="AsksForNothing">Whether a value is what happens anyway.</param>
/// <param name="IsHarmless">Whether the answer is still one to what was asked, without it: <c>IGNORE_UNSUPPORTED</c> then lets it pass.</param>
internal sealed record UnsupportedParameter(string Name, JsonElement? Value, Func<JsonElement, bool> AsksForNothing, bool IsHarmless)
{
    /// <summary>The first that asks for something; null when none does.</summary>
    /// <param name="parameters">All of a route.</param>
    /// <param name="ignoreHarmless">The operator's choice.</param>
    public static RelayError? FindRefused(IEnumerable<UnsupportedParameter> parameters, bool ignoreHarmless)
    {
        foreach (var parameter in parameters)
        {
            if (parameter.Value is { } value && !IsEmpty(value) && !parameter.AsksForNothing(value) && !(parameter.IsHarmless && ignoreHarmless))
            {
                return RelayError.Invalid(parameter.Name, parameter.IsHarmless
                    ? $"'{parameter.Name}' can't be honoured: Claude Code has no such setting. Leave it out, or ask the relay's operator to set IGNORE_UNSUPPORTED=true."
                    : $"'{parameter.Name}' can't be honoured by this relay. Leave it out.");
            }
        }

        return null;
    }

    /// <summary>Whether it is one of these numbers.</summary>
    public static Func<JsonElement, bool> Number(double number) => value => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var given) && given == number;

    /// <summary>Whether it is one of these texts.</summary>
    public static Func<JsonElement, bool> Text(params string[] texts) => value => value.ValueKind == JsonValueKind.String && texts.Contains(JsonText.Read(value), StringComparer.Ordinal);

    /// <summary>Whether it is false.</summary>
    public static bool False(JsonElement value) => value.ValueKind == JsonValueKind.False;

    /// <summary>For parameters of which every value asks for something.</summary>
    public static bool Never(JsonElement value) => false;

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.GetPropertyCount() == 0,
        _ => false,
    };
}
