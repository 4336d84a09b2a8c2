using Microsoft.Extensions.Options;

namespace Relay.Redis;

internal sealed class StateOptionsValidator : IValidateOptions<StateOptions>
{
    private const int LongestName = 64;

    public ValidateOptionsResult Validate(string? name, StateOptions options)
    {
        var problems = new List<string>();
        if (options.State != StateOptions.Local && RedisConfiguration.Parse(options.State).Problem is { } problem)
        {
            problems.Add($"STATE: {problem}");
        }

        if (options.CaFile is { Length: > 0 } file && !File.Exists(file))
        {
            problems.Add($"STATE_CA_FILE: there is no file '{file}'.");
        }

        foreach (var (setting, text) in ((string, string?)[])[("STATE_NAMESPACE", options.Namespace), ("RELAY_NAME", options.RelayName)])
        {
            if (!string.IsNullOrEmpty(text) && !IsName(text))
            {
                problems.Add($"{setting}: is 1 to {LongestName} letters, digits, dots, underscores or hyphens.");
            }
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static bool IsName(string text) =>
        text.Length <= LongestName && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '_' or '-');
}
