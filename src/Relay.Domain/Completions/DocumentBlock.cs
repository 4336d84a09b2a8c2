namespace Relay.Domain.Completions;

/// <summary>A document for the model. Prints <c>***</c>.</summary>
/// <param name="Source">The content.</param>
public sealed record DocumentBlock(DocumentSource Source) : ContentBlock
{
    /// <summary>Longest title, in UTF-16 units: the API's limit.</summary>
    public const int MaxTitle = 500;

    /// <summary>The document's name, shown to the model and in citations; null for none.</summary>
    public PromptText? Title { get; init; }

    /// <summary>Words about the document, shown to the model and never cited; null for none.</summary>
    public PromptText? Context { get; init; }

    /// <summary>Whether the answer is to cite the document.</summary>
    public bool HasCitations { get; init; }

    /// <summary>UTF-8 bytes of all words: title, context, and a text's own. A PDF's bytes are not words.</summary>
    public long TextBytes => (Title?.Utf8Bytes ?? 0) + (Context?.Utf8Bytes ?? 0) + Source.TextBytes;

    /// <summary>Reads a client's file. Its bytes decide whether it is a PDF or a text.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="base64">The file, with or without padding, blanks and line breaks.</param>
    /// <param name="name">The file's name, which becomes the title; null for none.</param>
    public static Result<DocumentBlock> FromFile(string field, string? base64, string? name)
    {
        PromptText? title = null;
        if (
            !string.IsNullOrWhiteSpace(name)
            && !PromptText.Create(field, name[..Math.Min(name.Length, MaxTitle)]).TryGet(out title, out var error)
        )
        {
            return error;
        }

        if (!DocumentSource.FromFile(field, base64).TryGet(out var source, out error))
        {
            return error;
        }

        return new DocumentBlock(source) { Title = title };
    }

    public override string ToString() => $"DocumentBlock {{ {Source}, *** }}";
}

/// <summary>A text. Citations name places in it by its letters.</summary>
/// <param name="Text">The words.</param>
public sealed record TextSource(PromptText Text) : DocumentSource
{
    public override long TextBytes => Text.Utf8Bytes;
}

/// <summary>A text in parts. Citations name whole parts.</summary>
/// <param name="Parts">At least one, in order.</param>
public sealed record PartsSource(IReadOnlyList<PromptText> Parts) : DocumentSource
{
    public override long TextBytes => Parts.Sum(part => (long)part.Utf8Bytes);
}
