namespace Relay.Domain.Completions;

/// <summary>The thinking that a caller asks for.</summary>
public sealed record Thinking
{
    /// <summary>The API's least budget, in tokens.</summary>
    public const int MinBudget = 1024;

    private static readonly string[] Types = ["disabled", "enabled", "adaptive"];

    private static readonly string[] Displays = ["summarized", "omitted"];

    private Thinking(ThinkingMode mode, int? budgetTokens) => (Mode, BudgetTokens) = (mode, budgetTokens);

    /// <summary>No thinking.</summary>
    public static Thinking Disabled { get; } = new(ThinkingMode.Disabled, null);

    /// <summary>The mode.</summary>
    public ThinkingMode Mode { get; }

    /// <summary>Most tokens of thought, at least <see cref="MinBudget"/>; null but with <see cref="ThinkingMode.Enabled"/>.</summary>
    public int? BudgetTokens { get; }

    /// <summary>
    /// The display of the thoughts by the API, <c>summarized</c> or <c>omitted</c>; null for the model's default, and without thinking.
    /// </summary>
    public string? Display { get; private init; }

    /// <summary>The wire name of <see cref="Mode"/>.</summary>
    public string Type => Types[(int)Mode];

    /// <summary>Accepts <c>disabled</c> and <c>adaptive</c> without a budget, and <c>enabled</c> with one.</summary>
    /// <param name="field">The wire name of the object, for the error.</param>
    /// <param name="type">As the caller wrote it; null when it is missing.</param>
    /// <param name="budgetTokens">As the caller wrote it; null when it is missing.</param>
    /// <param name="display">As the caller wrote it; null when it is missing.</param>
    public static Result<Thinking> Create(string field, string? type, long? budgetTokens, string? display = null)
    {
        if (display is not null && !Displays.Contains(display, StringComparer.Ordinal))
        {
            return RelayError.Invalid($"{field}.display", $"'{field}.display' takes one of {string.Join(", ", Displays)}.");
        }

        return Create(field, type, budgetTokens).TryGet(out var thinking, out var error)
            ? thinking.Mode == ThinkingMode.Disabled
                ? thinking
                : thinking with
                {
                    Display = display,
                }
            : error;
    }

    private static Result<Thinking> Create(string field, string? type, long? budgetTokens) =>
        (Array.IndexOf(Types, type), budgetTokens) switch
        {
            (< 0, _) => RelayError.Invalid($"{field}.type", $"'{field}.type' takes one of {string.Join(", ", Types)}."),
            ((int)ThinkingMode.Enabled, >= MinBudget and <= int.MaxValue) => new Thinking(ThinkingMode.Enabled, (int)budgetTokens.Value),
            ((int)ThinkingMode.Enabled, _) => RelayError.Invalid(
                $"{field}.budget_tokens",
                $"'{field}.budget_tokens' takes a number of tokens, at least {MinBudget}."
            ),
            (var mode, null) => new Thinking((ThinkingMode)mode, null),
            _ => RelayError.Invalid($"{field}.budget_tokens", $"'{field}.budget_tokens' goes with the type enabled only. Leave it out."),
        };
}
