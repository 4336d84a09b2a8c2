using System.Text.Json;

namespace Relay.Api.Http;

/// <summary>Texts of JSON whose form is only known when it is read.</summary>
internal static class JsonText
{
    /// <summary>What is wrong with a text that <see cref="Read"/> takes for none.</summary>
    public const string Problem = "is not valid Unicode: it has half of a surrogate pair, or bytes that are not UTF-8.";

    /// <summary>A string's text; null when it is not valid Unicode, which System.Text.Json finds out only now.</summary>
    public static string? Read(JsonElement text)
    {
        try
        {
            return text.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A property's name; null when it is not valid Unicode.</summary>
    public static string? ReadName(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
