using System.Security.Cryptography;
using System.Text;
using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The words that a process is told before a caller's turn, or already while it is parked.</summary>
internal sealed record Preparation(PromptText? System, OutputSchema? Schema)
{
    public static Preparation Of(CompletionRequest request) => new(request.System, request.SchemaToHandIn);
}

/// <summary>The profile that a spare is prepared for. It belongs to one key. It holds system prompt and schema as their hashes.</summary>
internal readonly record struct ProfileId(string KeyId, string Model, string SystemHash, string SchemaHash)
{
    public static ProfileId Of(string keyId, ModelName model, Preparation preparation) =>
        new(keyId, model.Value, Hash(preparation.System?.Reveal()), Hash(preparation.Schema?.Reveal()));

    private static string Hash(string? text) =>
        text is null ? string.Empty : Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}

/// <summary>A profile with the words that its processes are told.</summary>
internal sealed record SpareProfile(ProfileId Id, Preparation Preparation);

/// <summary>A spare that should be started: a blank one without a profile.</summary>
internal sealed record SpareNeed(SpareProfile? Profile);
