namespace Relay.Domain.Completions;

/// <summary>Reads base64 as clients write it, with or without padding, blanks and line breaks.</summary>
internal static class Base64Text
{
    /// <summary>
    /// The bytes and the base64 that Anthropic's API takes for them; null for a text that is not base64 or holds no byte.
    /// </summary>
    public static (byte[] Bytes, string Canonical)? Read(string? base64)
    {
        if (string.IsNullOrEmpty(base64) || Decode(base64) is not { Length: > 0 } bytes)
        {
            return null;
        }

        return (bytes, IsCanonical(base64) ? base64 : Convert.ToBase64String(bytes));
    }

    private static bool IsCanonical(string base64) => base64.Length % 4 == 0 && !base64.AsSpan().ContainsAny(" \t\r\n");

    private static byte[]? Decode(string base64)
    {
        var text = base64;
        if (!IsCanonical(text))
        {
            text = string.Concat(text.Split([' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries));
            text = text.PadRight((text.Length + 3) / 4 * 4, '=');
        }

        var bytes = new byte[text.Length / 4 * 3];
        return Convert.TryFromBase64Chars(text, bytes, out var length) ? bytes[..length] : null;
    }
}
