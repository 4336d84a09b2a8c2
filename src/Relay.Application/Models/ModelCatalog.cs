using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Domain.Models;

namespace Relay.Application.Models;

/// <summary>The models the operator allows, in the operator's order.</summary>
internal sealed class ModelCatalog(IOptions<CompletionOptions> options)
{
    private readonly Dictionary<string, ModelName> _allowed = options.Value.AllowedModels
        .Distinct(StringComparer.Ordinal)
        .ToDictionary(name => name, name => ModelName.Create(name).Value, StringComparer.Ordinal);

    /// <summary>What a request gets that names none.</summary>
    public ModelName Default => _allowed[options.Value.DefaultModel];

    /// <summary>All of them.</summary>
    public IReadOnlyCollection<ModelName> All => _allowed.Values;

    /// <summary>The names of all.</summary>
    public IReadOnlyCollection<string> Names => _allowed.Keys;

    /// <summary>Whether callers may name it.</summary>
    public bool IsAllowed(ModelName model) => _allowed.ContainsKey(model.Value);
}

/// <summary>Checks the model names at start, so that the catalog can't fail later.</summary>
internal sealed class ModelOptionsValidator : IValidateOptions<CompletionOptions>
{
    public ValidateOptionsResult Validate(string? name, CompletionOptions options)
    {
        var problems = options.AllowedModels
            .Where(model => ModelName.Create(model).Error is not null)
            .Select(model => $"ALLOWED_MODELS: '{model}' is not a model's name.")
            .ToList();
        if (!options.AllowedModels.Contains(options.DefaultModel, StringComparer.Ordinal))
        {
            problems.Add($"DEFAULT_MODEL: '{options.DefaultModel}' is not among ALLOWED_MODELS ({string.Join(", ", options.AllowedModels)}).");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}
