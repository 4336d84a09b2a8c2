namespace Relay.Domain.Completions;

/// <summary>
/// The API's rules for calls and results in a conversation. Each call has its own id. The result of a call stands at the head of the next
/// message. The caller chooses the order of results.
/// </summary>
internal static class ToolPairs
{
    /// <summary>The first rule that is broken; null for none.</summary>
    /// <param name="field">The wire name of the messages.</param>
    /// <param name="turns">The turns, of alternate sides.</param>
    public static RelayError? FindProblem(string field, IReadOnlyList<ChatMessage> turns)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new HashSet<string>(StringComparer.Ordinal);
        foreach (var turn in turns)
        {
            if (turn.Role == ChatRole.Assistant)
            {
                foreach (var call in turn.Content.OfType<ToolCallBlock>())
                {
                    if (!seen.Add(call.Call.Id))
                    {
                        return RelayError.Invalid(
                            field,
                            $"'{field}' has two calls with the id '{call.Call.Id}'. Give each call its own id."
                        );
                    }

                    open.Add(call.Call.Id);
                }

                continue;
            }

            var isHead = true;
            foreach (var block in turn.Content)
            {
                if (block is not ToolResultBlock result)
                {
                    isHead = false;
                }
                else if (!isHead)
                {
                    return RelayError.Invalid(
                        field,
                        $"'{field}' has the result of the call '{result.CallId}' after other content. Put the results of calls before it."
                    );
                }
                else if (!open.Remove(result.CallId))
                {
                    return RelayError.Invalid(
                        field,
                        $"'{field}' has a result for '{result.CallId}', which the assistant's message before it does not call, or a "
                            + $"second result for it."
                    );
                }
            }

            if (open.Count > 0)
            {
                return RelayError.Invalid(
                    field,
                    $"'{field}' has a call without its result: '{open.First()}'. Put the result of each call into the message after it."
                );
            }
        }

        return null;
    }
}
