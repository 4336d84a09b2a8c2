using System.Text.RegularExpressions;
using Relay.Domain;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The API's words about a parameter that a caller set. They reach the caller sentence by sentence, and only sentences that consist of
/// plain words, small numbers, names of parameters and ids of models: an address, a host or an id of an account has another form.
/// </summary>
internal static partial class ParameterRefusal
{
    private const int MaxMessage = 1000;
    private const int MaxWords = 400;
    private const int MaxWord = 100;

    /// <summary>The error for the caller; null when the failure is not about a parameter that the caller set.</summary>
    /// <param name="failure">The API's answer.</param>
    /// <param name="names">The names of the parameters in the request that the caller set.</param>
    public static RelayError? Of(ApiFailure failure, IReadOnlyCollection<string> names)
    {
        if (failure is not { Status: 400, Type: "invalid_request_error", Message: { Length: <= MaxMessage } message })
        {
            return null;
        }

        var words = string.Join(' ', SentenceEnd().Split(message).Where(IsPlain)).Trim();
        return words.Length <= MaxWords && Name().Matches(words).Any(name => names.Contains(name.Value, StringComparer.Ordinal))
            ? new RelayError(ErrorCode.InvalidRequest, $"Anthropic refused the request: {words}")
            : null;
    }

    private static bool IsPlain(string sentence) =>
        sentence
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .All(word => word.Length <= MaxWord && PlainWord().IsMatch(word));

    [GeneratedRegex(@"(?<=[.!?])\s+|[\r\n]+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SentenceEnd();

    [GeneratedRegex(@"[a-z]+(_[a-z]+)*", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();

    // In this order: names of parameters and places in them, ids of models, numbers, words with hyphens or an apostrophe, signs.
    [GeneratedRegex(
        """
            ^["'`(\[{<]*(
                (temperature|top_p|top_k|stop_sequences|thinking|type|budget_tokens|display|enabled|disabled|adaptive|output_config|effort|max_tokens|context_management|edits|tools|tool_choice|tool_use|tool_result|tool_use_id|custom|name|description|input_schema|properties|strict|content|messages)
                  (\.(temperature|top_p|top_k|stop_sequences|thinking|type|budget_tokens|display|enabled|disabled|adaptive|output_config|effort|max_tokens|context_management|edits|tools|tool_choice|tool_use|tool_result|tool_use_id|custom|name|description|input_schema|properties|strict|content|messages|[0-9]{1,3}))*
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
