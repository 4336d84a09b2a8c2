using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.Application.Models;

/// <summary>The names that callers may give to models.</summary>
public interface IModelNames
{
    /// <summary>
    /// The model of a name as a client writes it: one of <c>MODEL_ALIASES</c>; a model's own name, also with a provider before it or in
    /// capitals; or else the model of the alias <c>*</c>. Does not check whether the model is allowed.
    /// </summary>
    /// <returns>The model, or <see cref="ErrorCode.UnknownModel"/>.</returns>
    Result<ModelName> Read(string name);
}

/// <summary>The models that the operator allows, in the operator's order, and their aliases.</summary>
internal sealed class ModelCatalog(IOptions<CompletionOptions> options) : IModelNames
{
    /// <summary>The alias for every name without another alias.</summary>
    internal const string AnyOther = "*";

    // Made on first use: relayctl makes a catalog with invalid settings, too, to report them.
    private readonly Lazy<Dictionary<string, ModelName>> _allowed = new(() =>
        options
            .Value.AllowedModels.Distinct(StringComparer.Ordinal)
            .ToDictionary(name => name, name => ModelName.Create(name).Value, StringComparer.Ordinal)
    );

    private readonly Lazy<Dictionary<string, ModelName>> _aliases = new(() =>
        options
            .Value.ModelAliases.Select(ModelAlias.Parse)
            .ToDictionary(alias => alias.Name, alias => ModelName.Create(alias.Target).Value, StringComparer.OrdinalIgnoreCase)
    );

    /// <summary>The model for a request that names none.</summary>
    public ModelName Default => _allowed.Value[options.Value.DefaultModel];

    /// <summary>The names of all allowed models, without aliases.</summary>
    public IReadOnlyCollection<string> Names => _allowed.Value.Keys;

    /// <summary>All allowed models, without aliases.</summary>
    public IReadOnlyCollection<ModelName> Allowed => _allowed.Value.Values;

    /// <summary>The allowed model under which a model is counted: itself, or its family; null for a model that is not allowed.</summary>
    public string? LabelOf(ModelName model) =>
        _allowed.Value.GetValueOrDefault(model.Value)?.Value
        ?? _allowed.Value.Values.FirstOrDefault(allowed => allowed.Covers(model))?.Value;

    /// <summary>The model that usage counts a model under: itself where it is listed, else its listed family, else itself.</summary>
    public ModelName CountedAs(ModelName model) => LabelOf(model) is { } label ? _allowed.Value[label] : model;

    /// <summary>The names that the key may use: models and aliases in the operator's order, then full ids of the families.</summary>
    public IEnumerable<string> NamesFor(ApiKey key) =>
        _allowed
            .Value.Concat(_aliases.Value)
            .Where(pair => pair.Key != AnyOther && key.Allows(pair.Value))
            .Select(pair => pair.Key)
            .Concat(KnownModels.Ids.Where(id => IsAllowed(id) && key.Allows(id)).Select(id => id.Value))
            .Distinct(StringComparer.Ordinal);

    /// <summary>The model of a name; the default for none. Does not check whether the model is allowed.</summary>
    public ModelName Resolve(ModelName? asked) => asked is null ? Default : _aliases.Value.GetValueOrDefault(asked.Value, asked);

    public Result<ModelName> Read(string name)
    {
        var simple = ModelName.Simplify(name);
        if (_aliases.Value.TryGetValue(name, out var alias) || _aliases.Value.TryGetValue(simple, out alias))
        {
            return alias;
        }

        var read = ModelName.Create(simple);
        return _aliases.Value.TryGetValue(AnyOther, out var other) && (!read.TryGet(out var known, out _) || !IsAllowed(known))
            ? other
            : read;
    }

    /// <summary>Whether callers may name this model; null stands for the default.</summary>
    public bool IsAllowed(ModelName? asked) => Resolve(asked) is var model && _allowed.Value.Values.Any(allowed => allowed.Covers(model));
}

/// <summary>One of <c>MODEL_ALIASES</c>: <c>gpt-4o=sonnet</c>.</summary>
internal readonly record struct ModelAlias(string Name, string Target)
{
    /// <summary>Longest name, in characters.</summary>
    public const int MaxLength = 128;

    /// <summary>Splits at the first <c>=</c>; without one, the target is empty.</summary>
    public static ModelAlias Parse(string text) =>
        text.Split('=', 2, StringSplitOptions.TrimEntries) is [var name, var target] ? new(name, target) : new(text, string.Empty);
}
