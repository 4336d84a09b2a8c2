namespace Relay.Domain.Completions;

/// <summary>
/// The parameters of sampling and thinking. A value that is the default of the Messages API is kept as null: some models take no other,
/// and some refuse even the default beside another parameter.
/// </summary>
public sealed record ModelParameters
{
    /// <summary>The API's default of <c>temperature</c> and of <c>top_p</c>, and the greatest value of both.</summary>
    public const double DefaultShare = 1;

    private ModelParameters(double? temperature, double? topP, int? topK, Thinking? thinking) =>
        (Temperature, TopP, TopK, Thinking) = (temperature, topP, topK, thinking);

    /// <summary>The defaults.</summary>
    public static ModelParameters None { get; } = new(null, null, null, null);

    /// <summary>The randomness of the choice of words, from 0 to below 1; null for the API's default, 1.</summary>
    public double? Temperature { get; }

    /// <summary>The share of the likeliest words that the model chooses from, from 0 to below 1; null for the API's default, all.</summary>
    public double? TopP { get; }

    /// <summary>The number of the likeliest words that the model chooses from; null for all.</summary>
    public int? TopK { get; }

    /// <summary>The thinking asked for; null when the caller named none.</summary>
    public Thinking? Thinking { get; }

    /// <summary>
    /// The thinking to send; null for Claude Code's own default. Thinking is off beside a sampling parameter, unless the caller asked for
    /// it: the API has no thinking by default, and accepts none beside these parameters.
    /// </summary>
    public Thinking? ThinkingToSend => Thinking ?? (Temperature is null && TopP is null && TopK is null ? null : Thinking.Disabled);

    /// <summary>Whether the caller gets the model's thoughts, because it asked for thinking.</summary>
    public bool ShowsThoughts => Thinking?.Mode is ThinkingMode.Enabled or ThinkingMode.Adaptive;

    /// <summary>The wire names of the parameters that are set, the same on every surface.</summary>
    public IEnumerable<string> Names =>
        from parameter in new (string Name, bool IsSet)[]
        {
            ("temperature", Temperature is not null),
            ("top_p", TopP is not null),
            ("top_k", TopK is not null),
            ("thinking", Thinking is not null),
        }
        where parameter.IsSet
        select parameter.Name;

    /// <summary>Takes values that <see cref="ReadShare"/> and <see cref="ReadTopK"/> have accepted.</summary>
    public static ModelParameters Of(double? temperature, double? topP, int? topK, Thinking? thinking)
    {
        static double? Unusual(double? share) => share == DefaultShare ? null : share;
        return new ModelParameters(Unusual(temperature), Unusual(topP), topK, thinking);
    }

    /// <summary>Accepts a number from 0 to 1.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="value">As the caller wrote it.</param>
    public static Result<double> ReadShare(string field, double value) =>
        value is >= 0 and <= DefaultShare ? value : RelayError.Invalid(field, $"'{field}' takes a number from 0 to 1.");

    /// <summary>Accepts a whole number from 1 on.</summary>
    /// <param name="field">The wire name used in the error.</param>
    /// <param name="value">As the caller wrote it.</param>
    public static Result<int> ReadTopK(string field, long value) =>
        value is >= 1 and <= int.MaxValue ? (int)value : RelayError.Invalid(field, $"'{field}' takes a whole number from 1 on.");
}
