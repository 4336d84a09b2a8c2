using System.Runtime.CompilerServices;
using System.Text.Json;
using Json.Schema;

namespace Relay.Infrastructure.JsonSchemas;

/// <summary>Thrown by <see cref="StepKeyword"/> when a check takes too long or too deep a stack.</summary>
internal sealed class CheckTooLargeException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// A keyword that stands first in each object of a schema and constrains nothing. The validator has no bound on its own work, and passes
/// this keyword at each step. References that lead to two more each, over and over, would make it work for hours; long chains of them
/// would overflow the stack.
/// </summary>
internal sealed class StepKeyword(TimeProvider clock, TimeSpan limit, CancellationToken cancellationToken) : IKeywordHandler
{
    /// <summary>
    /// Its name in a schema. <see cref="Relay.Domain.Completions.OutputSchema"/> removes unknown keywords, so no caller's schema has this
    /// one.
    /// </summary>
    public const string KeywordName = "relay-step";

    /// <summary>Most steps of one check. A step takes 6 µs, on a busy machine 25, and 2 KB of memory that are free again soon.</summary>
    private const int MaxSteps = 200_000;

    private readonly long _started = clock.GetTimestamp();
    private int _steps;

    public string Name => KeywordName;

    public object? ValidateKeywordValue(JsonElement value) => null;

    public void BuildSubschemas(KeywordData keyword, BuildContext context)
    {
        // The keyword holds no schemas.
    }

    public KeywordEvaluation Evaluate(KeywordData keyword, EvaluationContext context)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (++_steps > MaxSteps || clock.GetElapsedTime(_started) > limit)
        {
            throw new CheckTooLargeException("The check took too many steps.");
        }

        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new CheckTooLargeException("The check went too deep.");
        }

        return KeywordEvaluation.Ignore;
    }
}
