using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Relay.Domain.Completions;

/// <summary>
/// A tool of the caller. The model learns its name, its description and the schema of its input. The caller runs it, on its own machine;
/// the relay never does. Prints <c>***</c>.
/// </summary>
public sealed partial record ToolDeclaration
{
    private readonly string? _description;
    private readonly string _inputSchema;

    private ToolDeclaration(string name, string? description, string inputSchema, bool? isStrict)
    {
        (Name, _description, _inputSchema, IsStrict) = (name, description, inputSchema, isStrict);
        Utf8Bytes =
            name.Length + (description is null ? 0 : Encoding.UTF8.GetByteCount(description)) + Encoding.UTF8.GetByteCount(inputSchema);
    }

    /// <summary>1 to 128 ASCII letters, digits, hyphens and underscores.</summary>
    public string Name { get; }

    /// <summary>Whether the API makes each input fit the schema; null for the API's default.</summary>
    public bool? IsStrict { get; }

    /// <summary>UTF-8 bytes of name, description and schema.</summary>
    public int Utf8Bytes { get; }

    /// <summary>The description, for the model; null for none. A method, so that no serialiser and no logger finds it.</summary>
    public string? RevealDescription() => _description;

    /// <summary>The schema of the input as JSON, for the model. A method, so that no serialiser and no logger finds it.</summary>
    public string RevealInputSchema() => _inputSchema;

    /// <summary>A tool that takes any input.</summary>
    /// <param name="name">A name that <see cref="IsName"/> accepts.</param>
    public static ToolDeclaration Named(string name) => new(name, null, ToolSchema.AnyInput, null);

    /// <summary>Whether a text can be the name of a tool.</summary>
    public static bool IsName(string? name) => name is not null && NamePattern().IsMatch(name);

    /// <summary>Accepts a declaration.</summary>
    /// <param name="field">The wire name of the declaration, for errors.</param>
    /// <param name="name">As the caller wrote it; null when it is missing.</param>
    /// <param name="description">As the caller wrote it; null for none.</param>
    /// <param name="inputSchema">As the caller wrote it: a JSON schema of an object; null for any input.</param>
    /// <param name="isStrict">As the caller wrote it; null when it is missing.</param>
    public static Result<ToolDeclaration> Create(string field, string? name, string? description, JsonElement? inputSchema, bool? isStrict)
    {
        if (!IsName(name))
        {
            return RelayError.Invalid(
                $"{field}.name",
                $"'{field}.name' can't be the name of a tool. It takes 1 to 128 of the letters a to z and A to Z, digits, '_' and '-'."
            );
        }

        if (inputSchema is not { } schema)
        {
            return new ToolDeclaration(name!, Description(description), ToolSchema.AnyInput, isStrict);
        }

        return ToolSchema.FindProblem(schema) is { } problem
            ? RelayError.Invalid(field, $"The schema of the tool '{name}' ('{field}') {problem}")
            : new ToolDeclaration(name!, Description(description), ToolSchema.Complete(schema), isStrict);
    }

    public override string ToString() => "ToolDeclaration { *** }";

    /// <summary>Reads an empty description as none.</summary>
    private static string? Description(string? description) => string.IsNullOrEmpty(description) ? null : description;

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,128}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamePattern();
}
