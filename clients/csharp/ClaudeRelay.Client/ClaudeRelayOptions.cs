namespace ClaudeRelay.Client;

/// <summary>The address of the relay, and the bounds of waiting for it. Prints <c>***</c> for the key.</summary>
public sealed class ClaudeRelayOptions
{
    /// <summary>The relay's address; <c>CLAUDE_RELAY_URL</c>, or else <c>http://127.0.0.1:8799</c>, unless set.</summary>
    public Uri Url { get; set; } =
        new(Environment.GetEnvironmentVariable("CLAUDE_RELAY_URL") is { Length: > 0 } url ? url : "http://127.0.0.1:8799");

    /// <summary>The app's key; <c>CLAUDE_RELAY_KEY</c> unless set.</summary>
    public string? Key { get; set; } = Environment.GetEnvironmentVariable("CLAUDE_RELAY_KEY");

    /// <summary>Longest time of a call with its retries, and of each silence in a stream.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(150);

    /// <summary>Most repeats of a call that may be repeated.</summary>
    public int MaxRetries { get; set; } = 2;

    /// <summary>The longest wait that the relay may ask for before a retry. With a longer one, a call fails at once.</summary>
    public TimeSpan MaxRetryWait { get; set; } = TimeSpan.FromSeconds(60);

    /// <inheritdoc/>
    public override string ToString() => $"ClaudeRelayOptions {{ Url = {Url}, Key = *** }}";
}
