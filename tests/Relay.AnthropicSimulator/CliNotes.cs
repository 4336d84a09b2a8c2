namespace Relay.AnthropicSimulator;

/// <summary>
/// User messages of CLI 2.1.330 itself, which follow an answer that it wants to see continued (also under <c>--max-turns 1</c>).
/// Compared whole, so that a caller's text that begins alike is still the caller's.
/// </summary>
internal static class CliNotes
{
    private static readonly string[] All =
    [
        // The model answered without calling the tool that a JSON schema brings.
        "[structured-output-enforce] You MUST call the StructuredOutput tool to complete this request. Call this tool now.",
        // stop_reason max_tokens: three times, then it gives up.
        "Output token limit hit. Resume directly — no apology, no recap of what you were doing. Pick up mid-thought if that is where the "
            + "cut happened. "
            + "Break remaining work into smaller pieces.",
        // stop_reason refusal: once.
        "Your response above was stopped by a safety classifier — this is not a tool or API error. The rest of it was withheld, and tool "
            + "calls in it that "
            + "had not finished did not run. Do not produce that content again, even reworded.",
    ];

    public static bool Contains(string text) => Array.IndexOf(All, text) >= 0;
}
