using System.Text.Json;

namespace Relay.Api.Idempotency;

/// <summary>An answer as it was sent: its status, its content type, and its bytes.</summary>
internal sealed record RecordedAnswer(int Status, string? ContentType, byte[] Body)
{
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);

    public static RecordedAnswer FromBytes(ReadOnlySpan<byte> bytes) => JsonSerializer.Deserialize<RecordedAnswer>(bytes)!;

    public async Task ReplayAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        response.StatusCode = Status;
        response.ContentType = ContentType;
        response.ContentLength = Body.Length;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Idempotent-Replayed"] = "true";
        await AnswerBudget.SendAsync(response, Body, cancellationToken);
    }
}
