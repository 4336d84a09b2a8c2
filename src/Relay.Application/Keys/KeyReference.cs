using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Names one of the keys that are not revoked, by its label, by its id, or by both. Of both, each checks the other.</summary>
public sealed record KeyReference
{
    private KeyReference(string? id, KeyLabel? label) => (Id, Label) = (id, label);

    /// <summary>Its id; null when only the label is given.</summary>
    public string? Id { get; }

    /// <summary>Its label; null when only the id is given.</summary>
    public KeyLabel? Label { get; }

    /// <summary>The key of an id. A label may come back to another key while somebody looks at a page; an id does not.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="label">The label that it must have, too; null for any.</param>
    public static KeyReference Of(string id, KeyLabel? label = null) => new(id, label);

    /// <summary>The key of a label.</summary>
    public static implicit operator KeyReference(KeyLabel label) => new(null, label);

    internal bool Means(ApiKey key) => key.RevokedAt is null && (Id is null || key.Id == Id) && (Label is null || key.Label == Label);
}
