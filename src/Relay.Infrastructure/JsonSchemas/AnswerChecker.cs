using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using Json.Schema.Keywords;
using Microsoft.Extensions.Logging;
using Relay.Application.Completions;
using Relay.Domain.Completions;
using Draft07 = Json.Schema.Keywords.Draft06;

namespace Relay.Infrastructure.JsonSchemas;

/// <summary>Checks answers with JsonSchema.Net, which runs on a stack and a clock that <see cref="StepKeyword"/> bounds.</summary>
internal sealed class AnswerChecker(TimeProvider clock, ILogger<AnswerChecker> logger) : IAnswerChecker
{
    /// <summary>Longest time of one check. A plain one takes a millisecond.</summary>
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    public bool Takes(OutputSchema schema) => Try(() => Check(Build(schema, CancellationToken.None).Root));

    public bool Fits(OutputSchema schema, string answer, CancellationToken cancellationToken) =>
        Try(() =>
        {
            using var document = JsonDocument.Parse(answer);
            return Build(schema, cancellationToken)
                .Evaluate(document.RootElement, new EvaluationOptions { OutputFormat = OutputFormat.Flag })
                .IsValid;
        });

    /// <summary>Runs a check. Schemas and answers come from outside: an error of the validator is a misfit, not a fault.</summary>
    private bool Try(Func<bool> check)
    {
        try
        {
            return check();
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // Logged without its message, which may hold the caller's words.
            logger.LogDebug("A schema or an answer could not be checked: {Problem}", exception.GetType().Name);
            return false;
        }
    }

    private JsonSchema Build(OutputSchema schema, CancellationToken cancellationToken)
    {
        var shape = ShapeSchema.Of((JsonObject)JsonNode.Parse(schema.Reveal())!);
        return JsonSchema.Build(
            JsonSerializer.SerializeToElement(shape),
            new BuildOptions
            {
                // One registry for each check: a schema's $id must not name a schema of another caller.
                SchemaRegistry = new SchemaRegistry(),
                Dialect = Draft7(new StepKeyword(clock, Limit, cancellationToken)),
            }
        );
    }

    /// <summary>Whether each reference leads to a schema. The target is not followed, because it is checked in its own place.</summary>
    private static bool Check(JsonSchemaNode node) =>
        node.Keywords.All(keyword => keyword.Handler is RefKeyword ? keyword.Subschemas.Length > 0 : keyword.Subschemas.All(Check));

    /// <summary>
    /// The keywords of <see cref="ShapeSchema"/>, and one that another depends on. A reference leaves the keywords beside it in force, as
    /// in Claude Code's validator.
    /// </summary>
    private static Dialect Draft7(StepKeyword step) =>
        new([
            step,
            Draft07.AdditionalItemsKeyword.Instance,
            AdditionalPropertiesKeyword.Instance,
            AllOfKeyword.Instance,
            AnyOfKeyword.Instance,
            ConstKeyword.Instance,
            Draft07.ContainsKeyword.Instance,
            Draft07.DefinitionsKeyword.Instance,
            DefsKeyword.Instance,
            Draft07.DependenciesKeyword.Instance,
            ElseKeyword.Instance,
            EnumKeyword.Instance,
            ExclusiveMaximumKeyword.Instance,
            ExclusiveMinimumKeyword.Instance,
            Draft07.IdKeyword.Instance,
            IfKeyword.Instance,
            Draft07.ItemsKeyword.Instance,
            MaximumKeyword.Instance,
            MaxItemsKeyword.Instance,
            MaxPropertiesKeyword.Instance,
            MinimumKeyword.Instance,
            MinItemsKeyword.Instance,
            MinPropertiesKeyword.Instance,
            NotKeyword.Instance,
            OneOfKeyword.Instance,
            PatternPropertiesKeyword.Instance,
            PropertiesKeyword.Instance,
            PropertyNamesKeyword.Instance,
            RefKeyword.Instance,
            RequiredKeyword.Instance,
            ThenKeyword.Instance,
            TypeKeyword.Instance,
            UniqueItemsKeyword.Instance,
        ])
        {
            AllowUnknownKeywords = false,
        };
}
