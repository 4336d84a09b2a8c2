using System.Text.Json;
using Relay.Application.Diagnostics;
using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>
/// Explains exceptions of System.Text.Json. Their messages are not passed on, because they name .NET types and repeat the caller's text.
/// They are compared, because System.Text.Json has no codes of errors: the tests of <see cref="RequestBody"/> fail when .NET changes them.
/// </summary>
internal static class JsonProblems
{
    private const int MaxEchoedName = 64;

    public static RelayError NotAnObject { get; } = new(ErrorCode.InvalidJson, "The body must be one JSON object.");

    /// <summary>The problem of a body: the reader's own exceptions are about JSON, the serializer's about fields.</summary>
    public static RelayError Explain(JsonException exception)
    {
        var isSyntax = exception.InnerException is JsonException || exception.GetType() != typeof(JsonException);
        if (isSyntax)
        {
            return new RelayError(
                ErrorCode.InvalidJson,
                $"The body is not valid JSON (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}). It must be one "
                    + $"object in UTF-8, at most {JsonContract.Options.MaxDepth} levels deep."
            );
        }

        var isDuplicate = exception.Message.Contains("uplicate", StringComparison.Ordinal);
        if (FieldOf(exception.Path) is not { } field)
        {
            return isDuplicate
                ? new RelayError(ErrorCode.InvalidRequest, "A field appears twice in one object of the body. Send each field once.")
                : NotAnObject;
        }

        var problem = exception switch
        {
            _ when exception.Message.Contains("could not be mapped", StringComparison.Ordinal) =>
                "is not a field of this request. Leave it out.",
            _ when isDuplicate => "appears twice. Send it once.",
            { InnerException: InvalidOperationException inner } when IsAbout(inner, "UTF-8") => "is not valid UTF-8.",
            { InnerException: InvalidOperationException inner } when IsAbout(inner, "UTF-16") =>
                "has half of a surrogate pair, which no UTF-8 text can hold.",
            _ => "has a wrong type or value.",
        };
        return RelayError.Invalid(field, $"'{field}' {problem}");
    }

    /// <summary>Whether a text is not valid Unicode, which System.Text.Json finds out only when the text is read.</summary>
    public static bool IsInvalidText(InvalidOperationException exception) => IsAbout(exception, "UTF-16") || IsAbout(exception, "UTF-8");

    private static bool IsAbout(InvalidOperationException exception, string encoding) =>
        exception.Message.Contains(encoding, StringComparison.Ordinal);

    /// <summary>The field of a serializer's path, <c>$.name</c> or <c>$['name']</c>; null for the body itself.</summary>
    private static string? FieldOf(string? path) =>
        path is null ? null
        : path.StartsWith("$.", StringComparison.Ordinal) ? Shorten(path[2..])
        : path.StartsWith("$['", StringComparison.Ordinal) ? Shorten(path[3..].TrimEnd(']').TrimEnd('\''))
        : null;

    private static string Shorten(string name)
    {
        var shown = Printable.Text(name);
        return shown.Length <= MaxEchoedName ? shown : shown[..MaxEchoedName] + "…";
    }
}
