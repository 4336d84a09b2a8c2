using System.Text.Json;

namespace Relay.Api.Http;

/// <summary>Texts in JSON whose form is checked only when they are read.</summary>
internal static class JsonText
{
    /// <summary>The problem of a text for which <see cref="Read"/> returns null.</summary>
    public const string Problem = "is not valid Unicode: it has half of a surrogate pair, or bytes that are not UTF-8.";

    /// <summary>A string's text; null when it is not valid Unicode, which System.Text.Json finds out only here.</summary>
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
