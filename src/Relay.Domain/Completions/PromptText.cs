using System.Text;

namespace Relay.Domain.Completions;

/// <summary>
/// Words of a caller on their way to the model: well-formed Unicode with something in it, kept exactly as written.
/// Prints <c>***</c>.
/// </summary>
public sealed class PromptText : IEquatable<PromptText>
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _text;

    private PromptText(string text, int utf8Bytes) => (_text, Utf8Bytes) = (text, utf8Bytes);

    /// <summary>Length in UTF-8 bytes, the unit of <c>MAX_INPUT_BYTES</c>.</summary>
    public int Utf8Bytes { get; }

    /// <summary>The words, for the model. A method, so that no serialiser and no logger finds them.</summary>
    public string Reveal() => _text;

    /// <summary>Accepts any text that is not blank and has no lone surrogate.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="text">The caller's words; null counts as missing.</param>
    public static Result<PromptText> Create(string field, string? text)
    {
        if (text is null)
        {
            return RelayError.Invalid(field, $"'{field}' is required: a string with the text to send.");
        }

        if (string.IsNullOrWhiteSpace(text))
        {
            return RelayError.Invalid(field, $"'{field}' is blank: it needs at least one visible character.");
        }

        try
        {
            return new PromptText(text, StrictUtf8.GetByteCount(text));
        }
        catch (EncoderFallbackException)
        {
            return RelayError.Invalid(field, $"'{field}' has half of a surrogate pair, which no UTF-8 text can hold.");
        }
    }

    public bool Equals(PromptText? other) => other is not null && string.Equals(_text, other._text, StringComparison.Ordinal);

    public override bool Equals(object? obj) => Equals(obj as PromptText);

    public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => "***";
}
