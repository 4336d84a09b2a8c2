using System.Collections;
using System.Globalization;

namespace Relay.Application.Configuration;

/// <summary>Turns the text of a setting into its type, and back into the notation a person would write.</summary>
internal static class SettingParser
{
    /// <summary>The value, or a sentence that names the expected form.</summary>
    public static (object? Value, string? Problem) Parse(Type type, string text)
    {
        text = text.Trim();
        var target = Nullable.GetUnderlyingType(type) ?? type;
        if (target == typeof(string))
        {
            return (text, null);
        }

        if (target == typeof(int))
        {
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? (number, null)
                : (null, "is not a whole number");
        }

        if (target == typeof(long))
        {
            return TryParseSize(text, out var size) ? (size, null) : (null, "is not a size such as 200000, 500KB or 8MB");
        }

        if (target == typeof(TimeSpan))
        {
            return TryParseDuration(text, out var duration) ? (duration, null) : (null, "is not a duration such as 500ms, 120s, 2m or 1h");
        }

        if (target == typeof(bool))
        {
            return text.ToUpperInvariant() switch
            {
                "TRUE" or "1" or "YES" or "ON" => (true, null),
                "FALSE" or "0" or "NO" or "OFF" => (false, null),
                _ => (null, "is neither true nor false"),
            };
        }

        if (target == typeof(Uri))
        {
            return Uri.TryCreate(text, UriKind.Absolute, out var uri) ? (uri, null) : (null, "is not an absolute URL");
        }

        if (target.IsEnum)
        {
            var kebab = text.Replace('_', '-');
            var member = Enum.GetNames(target)
                .FirstOrDefault(name => string.Equals(EnumNotation(name), kebab, StringComparison.OrdinalIgnoreCase));
            return member is not null
                ? (Enum.Parse(target, member), null)
                : (null, $"is none of {string.Join(", ", Enum.GetNames(target).Select(EnumNotation))}");
        }

        if (target == typeof(IReadOnlyList<string>))
        {
            return (text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), null);
        }

        throw new NotSupportedException($"No setting can be of type {type}.");
    }

    /// <summary>The notation of a value; empty for null.</summary>
    public static string Format(object? value) =>
        value switch
        {
            null => string.Empty,
            bool flag => flag ? "true" : "false",
            TimeSpan { TotalSeconds: < 1 } duration => string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds}ms"),
            TimeSpan duration => string.Create(CultureInfo.InvariantCulture, $"{duration.TotalSeconds}s"),
            Enum member => EnumNotation(member.ToString()),
            string text => text,
            IEnumerable list => string.Join(",", list.Cast<object>()),
            IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
            _ => value.ToString() ?? string.Empty,
        };

    private static string EnumNotation(string member) =>
        string.Concat(
            member.Select(
                (letter, index) =>
                    char.IsAsciiLetterUpper(letter) ? (index > 0 ? "-" : string.Empty) + char.ToLowerInvariant(letter) : letter.ToString()
            )
        );

    private static bool TryParseDuration(string text, out TimeSpan duration)
    {
        var (digits, factor) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => (text[..^2], 0.001),
            _ when text.EndsWith('s') => (text[..^1], 1),
            _ when text.EndsWith('m') => (text[..^1], 60),
            _ when text.EndsWith('h') => (text[..^1], 3600),
            _ when text.EndsWith('d') => (text[..^1], 86400),
            _ => (text, 1.0),
        };
        // The range also refuses "-Infinity" and "NaN", which are doubles in any style.
        var valid =
            double.TryParse(digits.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number * factor is >= 0 and < 1e8;
        duration = valid ? TimeSpan.FromSeconds(number * factor) : default;
        return valid;
    }

    private static bool TryParseSize(string text, out long size)
    {
        var (digits, factor) = text.ToUpperInvariant() switch
        {
            var upper when upper.EndsWith("KB", StringComparison.Ordinal) => (upper[..^2], 1_000L),
            var upper when upper.EndsWith("MB", StringComparison.Ordinal) => (upper[..^2], 1_000_000L),
            var upper => (upper, 1L),
        };
        var valid = long.TryParse(digits.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out size) && size < 1_000_000_000_000;
        size = valid ? size * factor : 0;
        return valid;
    }
}
