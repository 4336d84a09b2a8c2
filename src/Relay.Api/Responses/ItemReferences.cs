using System.Text.Json;

namespace Relay.Api.Responses;

/// <summary>The items that an input refers to by their ids.</summary>
internal sealed class ItemReferences
{
    private const string Type = "item_reference";

    private readonly Dictionary<string, object> _carried = new(StringComparer.Ordinal);
    private readonly ItemSeal _seal;

    /// <summary>Finds the items that thoughts carry. They stand behind the references to them.</summary>
    public ItemReferences(ItemSeal seal, JsonElement input)
    {
        _seal = seal;
        foreach (var item in input.EnumerateArray())
        {
            if (IdOf(item) is not { } id || !ItemSeal.IsOfThoughts(id))
            {
                continue;
            }

            foreach (var carried in seal.Open(id))
            {
                _carried[carried is ResponseCall call ? call.Id : ((ResponseMessage)carried).Id] = carried;
            }
        }
    }

    /// <summary>The item of a reference, as a caller would send it; null when its id does not tell.</summary>
    public JsonElement? Take(JsonElement reference)
    {
        if (IdOf(reference) is not { } id)
        {
            return null;
        }

        // Each item only once: many short references to a long item would make a body far beyond its size.
        var item = _carried.Remove(id, out var carried) ? carried : _seal.Open(id).FirstOrDefault();
        return item is null ? null : JsonSerializer.SerializeToElement(item, item.GetType(), JsonContract.Options);
    }

    private static string? IdOf(JsonElement item) =>
        item.ValueKind == JsonValueKind.Object
        && item.TryGetProperty("type", out var type)
        && type.ValueKind == JsonValueKind.String
        && type.ValueEquals(Type)
        && item.TryGetProperty("id", out var id)
        && id.ValueKind == JsonValueKind.String
            ? JsonText.Read(id)
            : null;
}
