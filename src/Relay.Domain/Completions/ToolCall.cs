using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Relay.Domain.Completions;

/// <summary>A call of one of the caller's tools, made by the model. Prints <c>***</c>.</summary>
public sealed partial record ToolCall
{
    /// <summary>Deepest nesting of an input.</summary>
    public const int MaxDepth = 40;

    private readonly string _input;

    private ToolCall(string id, string name, string input) => (Id, Name, _input) = (id, name, input);

    /// <summary>The call's id: 1 to 128 ASCII letters, digits, hyphens and underscores.</summary>
    public string Id { get; }

    /// <summary>The tool's name.</summary>
    public string Name { get; }

    /// <summary>UTF-8 bytes of id, name and input.</summary>
    public int Utf8Bytes => Id.Length + Name.Length + Encoding.UTF8.GetByteCount(_input);

    /// <summary>
    /// The input: a JSON object, as the model or the caller wrote it. A method, so that no serialiser and no logger finds it.
    /// </summary>
    public string RevealInput() => _input;

    /// <summary>Whether a text can be the id of a call.</summary>
    public static bool IsId(string? id) => id is not null && IdPattern().IsMatch(id);

    /// <summary>A call that the model made.</summary>
    /// <param name="id">As the API sent it.</param>
    /// <param name="name">As the API sent it.</param>
    /// <param name="input">The joined pieces of the input; empty for none.</param>
    /// <returns>Null when the input is not a JSON object, because it was cut or the model made a mistake, or nests too deep.</returns>
    public static ToolCall? OfModel(string id, string name, string input)
    {
        try
        {
            using var document = JsonDocument.Parse(input.Length == 0 ? "{}" : input);
            return document.RootElement.ValueKind == JsonValueKind.Object && ToolSchema.HasRightValues(document.RootElement, MaxDepth)
                ? new ToolCall(id, name, input.Length == 0 ? "{}" : input)
                : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Accepts a call of a conversation so far.</summary>
    /// <param name="field">The wire name of the call, for errors.</param>
    /// <param name="id">As the caller wrote it; null when it is missing.</param>
    /// <param name="name">As the caller wrote it; null when it is missing.</param>
    /// <param name="input">As the caller wrote it; null for an empty one.</param>
    public static Result<ToolCall> Create(string field, string? id, string? name, JsonElement? input)
    {
        if (!IsId(id))
        {
            return RelayError.Invalid(
                $"{field}.id",
                $"'{field}.id' can't be the id of a call. It takes 1 to 128 of the letters a to z and A to Z, digits, '_' and '-'."
            );
        }

        if (!ToolDeclaration.IsName(name))
        {
            return RelayError.Invalid(
                $"{field}.name",
                $"'{field}' calls a tool whose name can't be one. It takes 1 to 128 of the letters a to z and A to Z, "
                    + $"digits, '_' and '-'."
            );
        }

        if (input is not { } given)
        {
            return new ToolCall(id!, name!, "{}");
        }

        try
        {
            return given.ValueKind == JsonValueKind.Object && ToolSchema.HasRightValues(given, MaxDepth)
                ? new ToolCall(id!, name!, ToolSchema.Write(given))
                : RelayError.Invalid(field, $"'{field}' has an input that is not a JSON object, or nests deeper than {MaxDepth} levels.");
        }
        catch (InvalidOperationException)
        {
            return RelayError.Invalid(field, $"'{field}' has an input with a text that is not Unicode: half of a surrogate pair.");
        }
    }

    public override string ToString() => "ToolCall { *** }";

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,128}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex IdPattern();
}

/// <summary>The model called a tool.</summary>
public sealed record ToolCallBlock(ToolCall Call) : ContentBlock;

/// <summary>The result of a call, from the caller.</summary>
/// <param name="CallId">The call's id.</param>
/// <param name="Content">Text and pictures, in order; empty for a tool that returned nothing.</param>
/// <param name="IsError">Whether the tool failed; null when the caller did not say.</param>
public sealed record ToolResultBlock(string CallId, IReadOnlyList<ContentBlock> Content, bool? IsError = null) : ContentBlock
{
    public override string ToString() => "ToolResultBlock { *** }";
}
