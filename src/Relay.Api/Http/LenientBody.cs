using System.Buffers;
using System.Text.Json;

namespace Relay.Api.Http;

/// <summary>
/// The body of a route in another API's format, read field by field. An unknown field, or a known one without effect here, is accepted,
/// and named in <c>X-Relay-Ignored</c>.
/// </summary>
internal sealed class LenientBody(JsonElement root, FieldReader fields, ContractFields contract)
{
    /// <summary>The header with the names of fields without effect, separated by commas.</summary>
    public const string IgnoredHeader = "X-Relay-Ignored";

    /// <summary>Most names that are told.</summary>
    private const int MaxIgnored = 32;

    private const int MaxNameLength = 64;

    private static readonly SearchValues<char> Printable = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
    );

    private readonly List<string> _ignored = [];

    /// <summary>The value of a field; null when it is missing, null, or an empty object or list, which ask for nothing.</summary>
    /// <exception cref="InvalidOperationException">The contract of the body does not describe the field.</exception>
    public JsonElement? Find(string name)
    {
        contract.Demand(name);
        return root.TryGetProperty(name, out var value) && !IsEmpty(value) ? value : null;
    }

    /// <summary>The value of a field that may be an empty list; null when it is missing or null.</summary>
    /// <exception cref="InvalidOperationException">The contract of the body does not describe the field.</exception>
    public JsonElement? FindList(string name)
    {
        contract.Demand(name);
        return root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    /// <summary>A text; null when it is missing or wrong.</summary>
    public string? Text(string name)
    {
        if (Find(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return fields.Text(value, name);
        }

        fields.Refuse(name, $"'{name}' is not a string.");
        return null;
    }

    /// <summary>True or false; false when it is missing or wrong.</summary>
    public bool Flag(string name)
    {
        if (Find(name) is not { } value)
        {
            return false;
        }

        if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            fields.Refuse(name, $"'{name}' is not true or false.");
        }

        return value.ValueKind == JsonValueKind.True;
    }

    /// <summary>A whole number, also as <c>1024.0</c>; null when it is missing or wrong.</summary>
    public long? WholeNumber(string name)
    {
        if (Find(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number)
        {
            if (value.TryGetInt64(out var whole))
            {
                return whole;
            }

            if (value.TryGetDouble(out var number) && Math.Abs(number) < long.MaxValue && Math.Floor(number) == number)
            {
                return (long)number;
            }
        }

        fields.Refuse(name, $"'{name}' is not a whole number.");
        return null;
    }

    /// <summary>A number; null when it is missing or wrong.</summary>
    public double? Number(string name)
    {
        if (Find(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number))
        {
            return number;
        }

        fields.Refuse(name, $"'{name}' is not a number.");
        return null;
    }

    /// <summary>Names a field as without effect.</summary>
    public void Ignore(string name)
    {
        if (_ignored.Count < MaxIgnored && !_ignored.Contains(name, StringComparer.Ordinal))
        {
            _ignored.Add(name);
        }
    }

    /// <summary>Refuses or ignores parameters that can't be honoured.</summary>
    public void Sort(IEnumerable<UnsupportedParameter> parameters)
    {
        foreach (var parameter in parameters)
        {
            if (Find(parameter.Name) is not { } value || parameter.AsksForNothing(value))
            {
                continue;
            }

            if (parameter.IsHarmless)
            {
                Ignore(parameter.Name);
            }
            else
            {
                fields.Refuse(parameter.Name, $"'{parameter.Name}' can't be honoured by this relay. {parameter.Instead}");
            }
        }
    }

    /// <summary>The names of all fields without effect: found so, named so by the contract, or missing in it.</summary>
    public IReadOnlyList<string> FindIgnored()
    {
        foreach (var property in root.EnumerateObject())
        {
            if (_ignored.Count >= MaxIgnored)
            {
                break;
            }

            if (!IsEmpty(property.Value) && JsonText.ReadName(property) is var name && (name is null || !contract.HasEffect(name)))
            {
                // The name is the caller's own text.
                Ignore(name is { Length: > 0 and <= MaxNameLength } && !name.AsSpan().ContainsAnyExcept(Printable) ? name : "(other)");
            }
        }

        return _ignored;
    }

    private static bool IsEmpty(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Null => true,
            JsonValueKind.Array => value.GetArrayLength() == 0,
            JsonValueKind.Object => value.GetPropertyCount() == 0,
            _ => false,
        };
}
