using System.Text;
using System.Text.Json;

namespace Relay.Domain.Completions;

/// <summary>
/// The JSON schema that an answer must fit, as Claude Code takes it: a schema of an object. A schema of any other value is put into one.
/// This class checks the outside only; the answer checker decides whether the JSON is a schema. Prints <c>***</c>.
/// </summary>
public sealed class OutputSchema : IEquatable<OutputSchema>
{
    /// <summary>Largest schema, in UTF-8 bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>
    /// Most parts that all references of a schema together may put in. With 10,000 parts Claude Code takes 250 MB and a few seconds.
    /// </summary>
    public const int MaxExpanded = 5000;

    private readonly string _json;

    private readonly bool _isWrapped;

    private OutputSchema(string field, string json, bool isWrapped) => (Field, _json, _isWrapped) = (field, json, isWrapped);

    /// <summary>A schema that any JSON object fits.</summary>
    public static OutputSchema AnyObject { get; } = new("json_schema", """{"type":"object"}""", isWrapped: false);

    /// <summary>The wire name of the field it came in, for errors.</summary>
    public string Field { get; }

    /// <summary>Length in UTF-8 bytes.</summary>
    public int Utf8Bytes => Encoding.UTF8.GetByteCount(_json);

    /// <summary>The schema as JSON, for the model. A method, so that no serialiser and no logger finds it.</summary>
    public string Reveal() => _json;

    /// <summary>
    /// Takes an answer that fits this schema, and returns the one that the caller asked for: without the object that was put around it.
    /// </summary>
    public string Unwrap(string answer)
    {
        if (!_isWrapped)
        {
            return answer;
        }

        using var document = JsonDocument.Parse(answer);
        return document.RootElement.GetProperty(SchemaRoot.Property).GetRawText();
    }

    /// <summary>Accepts an object: a JSON schema of any value.</summary>
    /// <param name="field">The wire name used in errors.</param>
    /// <param name="schema">As the caller wrote it.</param>
    public static Result<OutputSchema> Create(string field, JsonElement schema)
    {
        try
        {
            return CreateFromUnicode(field, schema);
        }
        catch (Exception exception) when (exception is InvalidOperationException or JsonException)
        {
            // System.Text.Json throws this when it reads a name or a text with an escaped half of a surrogate pair.
            return RelayError.Invalid(field, $"'{field}' holds a text that is not Unicode: half of a surrogate pair.");
        }
    }

    private static Result<OutputSchema> CreateFromUnicode(string field, JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return RelayError.Invalid(
                field,
                $"'{field}' takes a JSON schema: an object such as {{\"type\":\"object\",\"properties\":{{…}}}}."
            );
        }

        if (Encoding.UTF8.GetByteCount(JsonSerializer.Serialize(schema)) > MaxBytes)
        {
            return new RelayError(ErrorCode.TooLarge, $"'{field}' is larger than {MaxBytes} bytes.", field);
        }

        // Claude Code would write null in its place, and the relay would not send a request that differs.
        if (!ToolSchema.HasRightValues(schema, levels: int.MaxValue))
        {
            return RelayError.Invalid(field, $"'{field}' has a number that no double can hold. Make it smaller.");
        }

        var translated = SchemaDialect.Translate(schema, out var refused);
        if (refused is not null)
        {
            return RelayError.Invalid(
                field,
                $"'{field}' has the keyword '{refused}', which can't be checked here. Say the same with keywords of JSON Schema draft-07."
            );
        }

        var (root, isWrapped) = SchemaRoot.ToObject(translated);
        return SchemaReferences.CountExpanded(JsonSerializer.SerializeToElement(root)) <= MaxExpanded
            ? new OutputSchema(field, JsonSerializer.Serialize(root), isWrapped)
            : new RelayError(
                ErrorCode.TooLarge,
                $"'{field}' repeats its definitions too often: its references expand to more than {MaxExpanded} parts. Refer to smaller "
                    + $"definitions, or less often.",
                field
            );
    }

    public bool Equals(OutputSchema? other) => other is not null && string.Equals(_json, other._json, StringComparison.Ordinal);

    public override bool Equals(object? obj) => Equals(obj as OutputSchema);

    public override int GetHashCode() => _json.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => "***";
}
