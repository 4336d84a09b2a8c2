using System.CommandLine.Parsing;
using System.Globalization;
using Relay.Application.Diagnostics;
using Relay.Application.Keys;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.Cli;

/// <summary>Turns the words of a command line into the values of requests. A word that can't be read is a mistake in usage.</summary>
internal static class Parsing
{
    /// <summary>The word that resets a limit to the relay's setting.</summary>
    public const string Default = "default";

    public static KeyLabel Label(ArgumentResult result) => Checked(result, KeyLabel.Create(Word(result)))!;

    /// <summary><c>complete,usage</c>.</summary>
    public static KeyScopes Scopes(ArgumentResult result) =>
        Checked(result, KeyScopeNames.Parse(Word(result).Split(',', StringSplitOptions.TrimEntries)));

    /// <summary><c>haiku,sonnet</c>.</summary>
    public static IReadOnlyList<ModelName>? Models(ArgumentResult result)
    {
        var models = new List<ModelName>();
        foreach (var name in Word(result).Split(',', StringSplitOptions.TrimEntries))
        {
            if (!ModelName.Create(name).TryGet(out var model, out _))
            {
                result.AddError($"'{Printable.Text(name)}' is not the name of a model.");
                return null;
            }

            models.Add(model);
        }

        return models;
    }

    /// <summary><c>90s</c>, <c>30m</c>, <c>24h</c>, <c>30d</c>, <c>2w</c>, and <c>0</c>.</summary>
    public static TimeSpan Duration(ArgumentResult result)
    {
        var word = Word(result);
        if (word == "0")
        {
            return TimeSpan.Zero;
        }

        var unit =
            word.Length < 2
                ? 0
                : word[^1] switch
                {
                    's' => 1,
                    'm' => 60,
                    'h' => 3600,
                    'd' => 86_400,
                    'w' => 7 * 86_400,
                    _ => 0,
                };
        // At most six digits, so that the product is a valid time.
        if (
            unit > 0
            && word.Length <= 7
            && int.TryParse(word.AsSpan(0, word.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        )
        {
            return TimeSpan.FromSeconds((double)number * unit);
        }

        result.AddError($"'{Printable.Text(word)}' is not a time such as 30m, 24h or 30d.");
        return default;
    }

    /// <summary><c>2.50</c>.</summary>
    public static decimal Money(ArgumentResult result)
    {
        if (decimal.TryParse(Word(result), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var sum))
        {
            return sum;
        }

        result.AddError($"'{Printable.Text(Word(result))}' is not a sum such as 2.50.");
        return default;
    }

    /// <summary>A whole number, or <see cref="Default"/>.</summary>
    public static LimitChange<int>? Limit(ArgumentResult result)
    {
        if (Word(result) == Default)
        {
            return new LimitChange<int>(null);
        }

        if (int.TryParse(Word(result), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return new LimitChange<int>(number);
        }

        result.AddError($"'{Printable.Text(Word(result))}' is neither a whole number nor '{Default}'.");
        return null;
    }

    /// <summary>A sum, or <see cref="Default"/>.</summary>
    public static LimitChange<decimal>? MoneyLimit(ArgumentResult result) => new(Word(result) == Default ? null : Money(result));

    private static string Word(ArgumentResult result) => result.Tokens is [var token, ..] ? token.Value : string.Empty;

    private static T? Checked<T>(ArgumentResult result, Result<T> value)
    {
        if (value.TryGet(out var good, out var error))
        {
            return good;
        }

        result.AddError(error.Message);
        return default;
    }
}
