using System.Text.RegularExpressions;
using Relay.Domain;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The API's words about a parameter that a caller set, or about a caller's document. They reach the caller sentence by sentence, and only
/// sentences that consist of plain words, small numbers, names of parameters and ids of models: an address, a host or an id of an account
/// has another form.
/// </summary>
internal static partial class ApiRefusal
{
    private const int MaxMessage = 1000;
    private const int MaxWords = 400;
    private const int MaxWord = 100;

    /// <summary>The error for the caller; null when the failure is not about something that the caller sent.</summary>
    public static RelayError? Of(ApiFailure failure, IReadOnlyCollection<string> names, bool hasDocuments)
    {
        if (failure is not { Status: 400, Type: "invalid_request_error", Message: { Length: <= MaxMessage } message })
        {
            return null;
        }

        // The API counts messages and blocks of Claude Code's request, which are not those of the caller's.
        var place = hasDocuments ? DocumentPlace().Match(message).Length : 0;
        var isOfDocument = place > 0 || (hasDocuments && Pdf().IsMatch(message));
        var words = string.Join(' ', SentenceEnd().Split(message[place..]).Where(IsPlain)).Trim();
        var isOfCaller = isOfDocument
            ? words.Length > 0
            : Name().Matches(words).Any(name => names.Contains(name.Value, StringComparer.Ordinal));
        return words.Length <= MaxWords && isOfCaller
            ? new RelayError(ErrorCode.InvalidRequest, $"Anthropic refused {(isOfDocument ? "a document" : "the request")}: {words}")
            : null;
    }

    private static bool IsPlain(string sentence) =>
        sentence
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .All(word => word.Length <= MaxWord && PlainWord().IsMatch(word));

    [GeneratedRegex(@"(?<=[.!?])\s+|[\r\n]+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SentenceEnd();

    [GeneratedRegex(
        @"^messages\.[0-9]+\.content\.[0-9]+\.([a-z_]+\.([0-9]+\.)?)*(pdf|document)[a-z0-9._]*:\s*",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex DocumentPlace();

    [GeneratedRegex(@"\bPDF\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Pdf();

    [GeneratedRegex(@"[a-z]+(_[a-z]+)*", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();

    // In this order: names of parameters and places in them, ids of models, numbers, words with hyphens or an apostrophe, signs.
    [GeneratedRegex(
        """
            ^["'`(\[{<]*(
                (temperature|top_p|top_k|stop_sequences|thinking|type|budget_tokens|display|enabled|disabled|adaptive|output_config|format|schema|effort|max_tokens|context_management|edits|tools|tool_choice|tool_use|tool_result|tool_use_id|custom|name|description|input_schema|properties|strict|content|messages)
                  (\.(temperature|top_p|top_k|stop_sequences|thinking|type|budget_tokens|display|enabled|disabled|adaptive|output_config|format|schema|effort|max_tokens|context_management|edits|tools|tool_choice|tool_use|tool_result|tool_use_id|custom|name|description|input_schema|properties|strict|content|messages|[0-9]{1,3}))*
              | clear_thinking_[0-9]{8}
              | claude-[a-z0-9-]{1,40}
              | [0-9]{1,7}([.,][0-9]{1,4})?
              | [A-Za-z]{1,20}([-'][A-Za-z]{1,20}){0,3}
              | [=<>≤≥/+-]{1,2}
            )?["'`)\]}>,;:.!?]*\z
            """,
        RegexOptions.ExplicitCapture | RegexOptions.IgnorePatternWhitespace,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex PlainWord();
}
