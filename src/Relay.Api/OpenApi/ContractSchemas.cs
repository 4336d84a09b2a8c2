using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Relay.Api.OpenApi;

/// <summary>
/// Adds the facts of a contract's attributes to its schema: fields that may be missing or null, choices of types and values, and keywords.
/// </summary>
internal sealed class ContractSchemas : IOpenApiSchemaTransformer
{
    private const string NullableMark = "x-is-nullable-property";

    public async Task TransformAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        var type = context.JsonTypeInfo.Type;
        schema.Description = schema.Description?.ReplaceLineEndings(" ");
        if (context.JsonTypeInfo.Kind == JsonTypeInfoKind.Object && schema.Properties is not null)
        {
            schema.Required = context
                .JsonTypeInfo.Properties.Where(IsRequired)
                .Select(property => property.Name)
                .ToHashSet(StringComparer.Ordinal);
        }

        await ApplyAsync(schema, type, isNullable: false, context, cancellationToken);
        if (context.JsonPropertyInfo is not { AttributeProvider: MemberInfo member } property)
        {
            return;
        }

        var isNullable = IsNullable(property);
        if (!isNullable || !IsNullWritten(property))
        {
            schema.Type &= ~JsonSchemaType.Null;
            schema.Metadata?.Remove(NullableMark);
        }

        await ApplyAsync(schema, member, isNullable && IsNullWritten(property), context, cancellationToken);
        if (member.IsDefined(typeof(NoEffectAttribute)))
        {
            schema.Description += " It has no effect here, and is named in `X-Relay-Ignored`.";
        }

        // Numbers in answers are counts, times and amounts of money.
        if (
            !IsRequest(property.DeclaringType)
            && schema.Minimum is null
            && schema.Extensions?.ContainsKey("minimum") != true
            && schema.Type is { } kind
            && (kind.HasFlag(JsonSchemaType.Integer) || kind.HasFlag(JsonSchemaType.Number))
        )
        {
            schema.Minimum = "0";
        }
    }

    private static async Task ApplyAsync(
        OpenApiSchema schema,
        MemberInfo member,
        bool isNullable,
        OpenApiSchemaTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        var types =
            member.GetCustomAttribute<OneOfAttribute>(inherit: false)?.Types
            ?? [.. member.GetCustomAttributes<EventAttribute>(inherit: false).Select(item => item.Data).OfType<Type>().Distinct()];
        if (types.Count > 0)
        {
            Clear(schema);
            schema.OneOf = [];
            foreach (var type in types)
            {
                schema.OneOf.Add(await context.GetOrCreateSchemaAsync(type, null, cancellationToken));
            }

            if (isNullable)
            {
                schema.OneOf.Add(new OpenApiSchema { Type = JsonSchemaType.Null });
            }
        }

        if (member.GetCustomAttribute<ValuesAttribute>(inherit: false) is { } values)
        {
            if (values.Values is [string only])
            {
                schema.Description ??= $"Always `{only}`.";
            }

            schema.Enum = [.. values.Values.Select(value => JsonSerializer.SerializeToNode(value)!)];
            if (isNullable)
            {
                schema.Enum.Add(JsonNullSentinel.JsonNull);
            }
        }

        foreach (var keywords in member.GetCustomAttributes<KeywordsAttribute>(inherit: false))
        {
            if (keywords.Alone)
            {
                Clear(schema);
            }

            schema.Extensions ??= new Dictionary<string, IOpenApiExtension>(StringComparer.Ordinal);
            foreach (var (name, value) in JsonNode.Parse(keywords.Json)!.AsObject())
            {
                schema.AdditionalPropertiesAllowed |= name == "additionalProperties";
                schema.Extensions[name] = new JsonNodeExtension(value?.DeepClone() ?? JsonNullSentinel.JsonNull);
            }
        }
    }

    private static void Clear(OpenApiSchema schema)
    {
        (schema.Type, schema.Format, schema.Properties, schema.Required, schema.Items) = (null, null, null, null, null);
        (schema.AdditionalProperties, schema.AdditionalPropertiesAllowed) = (null, true);
        schema.Metadata?.Remove(NullableMark);
    }

    private static bool IsRequired(JsonPropertyInfo property) =>
        IsRequest(property.DeclaringType) ? IsDemanded(property) : !IsNullable(property) || IsNullWritten(property);

    /// <summary>Whether C# or an attribute demands the field of a request.</summary>
    private static bool IsDemanded(JsonPropertyInfo property) =>
        property.AttributeProvider is { } provider
        && (provider.IsDefined(typeof(RequiredMemberAttribute), false) || provider.IsDefined(typeof(RequiredAttribute), false));

    private static bool IsNullable(JsonPropertyInfo property) =>
        property.IsGetNullable || Nullable.GetUnderlyingType(property.PropertyType) is not null;

    /// <summary>Whether a null is written: in optional fields of requests, and in answers that say so.</summary>
    private static bool IsNullWritten(JsonPropertyInfo property) =>
        IsRequest(property.DeclaringType)
            ? !IsDemanded(property)
            : property
                .AttributeProvider?.GetCustomAttributes(typeof(JsonIgnoreAttribute), false)
                .OfType<JsonIgnoreAttribute>()
                .Any(ignore => ignore.Condition == JsonIgnoreCondition.Never) == true;

    private static bool IsRequest(Type type) =>
        type.IsDefined(typeof(RequestContractAttribute), inherit: false)
        || type.IsDefined(typeof(LenientContractAttribute), inherit: false);
}
