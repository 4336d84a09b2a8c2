namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The values of one executable and model around the caller's words. A rehearsal fills them in, and every later request must show the
/// same. The lines that may vary are left out: session and device id, the end of <c>cc_version</c>, and the date.
/// </summary>
/// <param name="Model">The full id that the body names.</param>
/// <param name="Billing">The first system block, without the end of its version.</param>
/// <param name="Identity">The second system block.</param>
/// <param name="Placement">The place of the note.</param>
/// <param name="Note">The note's text, without its date.</param>
/// <param name="Thinking"><c>thinking</c>, without the budget.</param>
/// <param name="ContextManagement"><c>context_management</c> as it stands.</param>
/// <param name="Effort">The effort when a caller names none; null where the model has none.</param>
/// <param name="CacheControl">The form of the executable's own cache breakpoints.</param>
/// <param name="Headers">The headers that go out, by name, but the session id.</param>
/// <param name="Tools">The tools beside a schema; empty without one.</param>
/// <param name="MaxTokens">The cap that the rehearsal's request had: the relay's, or the model's where that is lower.</param>
internal sealed record RequestShape(
    string Model,
    string Billing,
    string Identity,
    NotePlacement Placement,
    string Note,
    string Thinking,
    string ContextManagement,
    string? Effort,
    string CacheControl,
    string Headers,
    string Tools,
    long MaxTokens
)
{
    /// <summary>The name of the first value that differs; null when all are the same.</summary>
    public string? FindDifference(RequestShape accepted) =>
        Model != accepted.Model ? "model"
        : Billing != accepted.Billing ? "system[0]"
        : Identity != accepted.Identity ? "system[1]"
        : Placement != accepted.Placement ? "the note's place"
        : Note != accepted.Note ? "the note"
        : Thinking != accepted.Thinking ? "thinking"
        : ContextManagement != accepted.ContextManagement ? "context_management"
        : Effort != accepted.Effort ? "output_config"
        : CacheControl != accepted.CacheControl ? "cache_control"
        : Headers != accepted.Headers ? "the headers"
        : Tools != accepted.Tools ? "the tools"
        : null;
}
