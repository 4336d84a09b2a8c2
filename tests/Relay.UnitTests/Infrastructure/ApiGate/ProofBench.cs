using Relay.Domain.Completions;
using Relay.Infrastructure.ApiGate;

namespace Relay.UnitTests.Infrastructure.ApiGate;

/// <summary>A request as Claude Code composes it, the turn that the relay expects, and the proof.</summary>
internal static class ProofBench
{
    public static RequestShape Accepted { get; } = Prove(Question(), Expect("Hi")).Shape!;

    public static ComposedRequest Question() => new ComposedRequest().Say("user", "Hi").WithNote();

    public static ProofResult Prove(ComposedRequest request, TurnExpectation expected) =>
        RequestProof.Prove(request.ToBytes(), ComposedRequest.Headers, expected, [], ComposedRequest.Today);

    public static TurnExpectation Expect(string prompt) => Expect(Turn(ChatRole.User, prompt));

    public static TurnExpectation Expect(params ChatMessage[] turns) =>
        new("opus", PromptText.Create("system", "Be brief.").Value, Conversation.Create("messages", turns).Value!, 16_000);

    public static ChatMessage Turn(ChatRole role, params string[] texts) =>
        new(role, [.. texts.Select(text => new TextBlock(PromptText.Create("text", text).Value!))]);
}
