using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json;
using Relay.Api.OpenApi;

namespace Relay.Api.Http;

/// <summary>The fields of a body, from the type that describes it. So the description and the reader know the same fields.</summary>
internal sealed class ContractFields
{
    private readonly FrozenDictionary<string, bool> _hasEffect;

    private ContractFields(Type contract) =>
        _hasEffect = contract
            .GetProperties()
            .ToFrozenDictionary(
                property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name),
                property => !property.IsDefined(typeof(NoEffectAttribute)),
                StringComparer.Ordinal
            );

    public IEnumerable<string> Names => _hasEffect.Keys;

    public static ContractFields Of<T>() => OfContract<T>.Fields;

    /// <summary>Whether the contract has the field, and the field has an effect.</summary>
    public bool HasEffect(string name) => _hasEffect.GetValueOrDefault(name);

    /// <summary>Throws where the contract lacks a field that a reader asks for.</summary>
    public void Demand(string name)
    {
        if (!_hasEffect.ContainsKey(name))
        {
            throw new InvalidOperationException($"The contract of the body lacks '{name}': add it, so that the description has it.");
        }
    }

    private static class OfContract<T>
    {
        public static readonly ContractFields Fields = new(typeof(T));
    }
}
