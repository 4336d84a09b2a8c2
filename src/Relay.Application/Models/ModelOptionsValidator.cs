using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Domain.Models;

namespace Relay.Application.Models;

/// <summary>Checks the model names at start, so that the catalog can't fail later.</summary>
internal sealed class ModelOptionsValidator : IValidateOptions<CompletionOptions>
{
    public ValidateOptionsResult Validate(string? name, CompletionOptions options)
    {
        var problems = options
            .AllowedModels.Where(model => ModelName.Create(model).Error is not null)
            .Select(model => $"ALLOWED_MODELS: '{model}' is not the name of a model.")
            .ToList();
        var aliases = options.ModelAliases.Select(ModelAlias.Parse).ToList();
        problems.AddRange(
            aliases
                .Where(alias => !IsName(alias.Name) || !options.AllowedModels.Contains(alias.Target, StringComparer.Ordinal))
                .Select(alias => $"MODEL_ALIASES: '{alias.Name}={alias.Target}' is not NAME=MODEL with a model of ALLOWED_MODELS.")
        );
        problems.AddRange(
            aliases
                .Where(alias =>
                    options.AllowedModels.Contains(alias.Name, StringComparer.Ordinal)
                    || aliases.Count(other => string.Equals(other.Name, alias.Name, StringComparison.OrdinalIgnoreCase)) > 1
                )
                .Select(alias => alias.Name)
                .Distinct(StringComparer.Ordinal)
                .Select(name => $"MODEL_ALIASES: '{name}' names a model already.")
        );
        if (!options.AllowedModels.Contains(options.DefaultModel, StringComparer.Ordinal))
        {
            problems.Add(
                $"DEFAULT_MODEL: '{options.DefaultModel}' is not among ALLOWED_MODELS ({string.Join(", ", options.AllowedModels)})."
            );
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    /// <summary>Visible ASCII, which every client can send.</summary>
    private static bool IsName(string name) =>
        name.Length is > 0 and <= ModelAlias.MaxLength && !name.AsSpan().ContainsAnyExceptInRange('!', '~');
}
