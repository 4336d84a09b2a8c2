using System.Text.Json;

namespace Relay.Infrastructure.ApiGate;

/// <summary>Compares JSON with Claude Code's copy of it. Claude Code reads numbers as JavaScript does, as doubles.</summary>
internal static class SentJson
{
    /// <summary>Whether two values are the same; the order of an object's members does not count.</summary>
    public static bool AreSame(JsonElement one, JsonElement other)
    {
        if (one.ValueKind != other.ValueKind)
        {
            return false;
        }

        switch (one.ValueKind)
        {
            case JsonValueKind.Number:
                return one.GetDouble().Equals(other.GetDouble());
            case JsonValueKind.String:
                return one.ValueEquals(other.GetString());
            case JsonValueKind.Array:
                return one.GetArrayLength() == other.GetArrayLength()
                    && one.EnumerateArray().Zip(other.EnumerateArray()).All(pair => AreSame(pair.First, pair.Second));
            case JsonValueKind.Object:
                return one.GetPropertyCount() == other.GetPropertyCount() && HaveSameMembers(one, other);
            default:
                return true;
        }
    }

    /// <summary>Whether the members are the same, mostly in the same order. JavaScript puts names that are whole numbers first.</summary>
    private static bool HaveSameMembers(JsonElement one, JsonElement other)
    {
        using var others = other.EnumerateObject().GetEnumerator();
        foreach (var member in one.EnumerateObject())
        {
            var isInPlace = others.MoveNext() && others.Current.NameEquals(member.Name);
            if (!isInPlace && !other.TryGetProperty(member.Name, out _))
            {
                return false;
            }

            if (!AreSame(member.Value, isInPlace ? others.Current.Value : other.GetProperty(member.Name)))
            {
                return false;
            }
        }

        return true;
    }
}
