using System.Text.Json;
using Relay.Application.Models;
using Relay.Domain;
using Relay.Domain.Models;

namespace Relay.Api.Http;

/// <summary>Takes the fields of a body one after the other, and remembers the first wrong one.</summary>
internal sealed class FieldReader
{
    public RelayError? Error { get; private set; }

    /// <summary>The value; the type's default for a wrong one.</summary>
    public T? Take<T>(Result<T> result)
    {
        if (result.TryGet(out var value, out var error))
        {
            return value;
        }

        Error ??= error;
        return default;
    }

    public void Refuse(string field, string message) => Error ??= RelayError.Invalid(field, message);

    public void Refuse(RelayError error) => Error ??= error;

    public T Refuse<T>(string field, string message, T instead)
    {
        Refuse(field, message);
        return instead;
    }

    /// <summary>The model of a compatible body, where it is required; null when it is wrong.</summary>
    public ModelName? ReadModel(LenientBody body, IModelNames models)
    {
        if (body.Text("model") is { } name)
        {
            return Take(models.Read(name));
        }

        Refuse("model", "'model' is required. GET /v1/models lists those you can use.");
        return null;
    }

    /// <summary>The text of a string that is there; null when it is wrong.</summary>
    public string? Text(JsonElement value, string field)
    {
        var text = JsonText.Read(value);
        if (text is null)
        {
            Refuse(field, $"'{field}' {JsonText.Problem}");
        }

        return text;
    }

    /// <summary>A text inside of another value; null when it is missing, null, or wrong.</summary>
    public string? Text(JsonElement element, string name, string field)
    {
        if (!element.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            Refuse($"{field}.{name}", $"'{field}.{name}' is not a string.");
            return null;
        }

        return Text(value, $"{field}.{name}");
    }

    /// <summary>Whether it is an object with only these fields. Other fields may be null or an empty list, which ask for nothing.</summary>
    public bool IsObject(JsonElement element, string field, params ReadOnlySpan<string> known)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            Refuse(field, $"'{field}' is not an object.");
            return false;
        }

        foreach (var property in element.EnumerateObject())
        {
            if (
                property.Value.ValueKind != JsonValueKind.Null
                && !(property.Value.ValueKind == JsonValueKind.Array && property.Value.GetArrayLength() == 0)
                && !Contains(known, property)
            )
            {
                Refuse(field, $"'{field}' has a property that the relay does not know. It takes {string.Join(", ", known)}.");
                return false;
            }
        }

        return true;
    }

    private static bool Contains(ReadOnlySpan<string> names, JsonProperty property)
    {
        foreach (var name in names)
        {
            if (property.NameEquals(name))
            {
                return true;
            }
        }

        return false;
    }
}
