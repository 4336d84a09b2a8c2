using Relay.Domain.Completions;

namespace Relay.Application.Completions;

/// <summary>Checks answers against JSON schemas, so that no answer counts as fitting only because Claude Code says so.</summary>
public interface IAnswerChecker
{
    /// <summary>
    /// Whether answers can be checked against a schema. False for JSON that is not a schema, and for a schema with a reference to nothing.
    /// </summary>
    bool Takes(OutputSchema schema);

    /// <summary>
    /// Whether an answer fits a schema. The check is bounded in time, memory and stack for any schema and any answer; it is false where a
    /// bound is reached. Patterns and lengths of texts are not checked again: Claude Code checks them with JavaScript's regular
    /// expressions, which JSON Schema means.
    /// </summary>
    /// <param name="schema">A schema that <see cref="Takes"/> takes.</param>
    /// <param name="answer">JSON, as Claude Code handed it over.</param>
    /// <param name="cancellationToken">Cancelled when the caller leaves.</param>
    bool Fits(OutputSchema schema, string answer, CancellationToken cancellationToken);
}
