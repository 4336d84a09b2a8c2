using System.Buffers;
using System.Globalization;
using System.Net;

namespace Relay.Domain.Fetching;

/// <summary>
/// Hosts that are IPv4 addresses in one of the notations that programs read: decimal, octal, hexadecimal, with fewer than four parts. The
/// notations are those of the URL Standard (WHATWG, "ends in a number" and "IPv4 parser"), so that nothing that some resolver would take
/// for an address passes as a name.
/// </summary>
internal static class NumericHost
{
    /// <summary>Whether a host is a number by its last label, and so never a name.</summary>
    public static bool EndsInNumber(ReadOnlySpan<char> host)
    {
        var last = host[(host.LastIndexOf('.') + 1)..];
        return last.Length > 0 && (last.IndexOfAnyExceptInRange('0', '9') < 0 || IsHex(last));
    }

    /// <summary>The address of such a host; null for a host that is not one.</summary>
    public static IPAddress? Parse(string host)
    {
        var parts = host.Split('.');
        if (parts.Length > 4)
        {
            return null;
        }

        var address = 0UL;
        for (var index = 0; index < parts.Length; index++)
        {
            // The last part fills all bytes that are left.
            var bits = index == parts.Length - 1 ? 8 * (5 - parts.Length) : 8;
            if (ParsePart(parts[index]) is not { } number || number >= 1UL << bits)
            {
                return null;
            }

            address = (address << bits) | number;
        }

        return new IPAddress([(byte)(address >> 24), (byte)(address >> 16), (byte)(address >> 8), (byte)address]);
    }

    private static bool IsHex(ReadOnlySpan<char> label) => label is ['0', 'x' or 'X', ..] && label[2..].IndexOfAnyExcept(HexDigits) < 0;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    private static ulong? ParsePart(string part)
    {
        // Longer than any number in range, leading zeros aside: refused here, so that the arithmetic below can't overflow.
        var digits = part.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? part[2..].TrimStart('0') : part.TrimStart('0');
        if (part.Length == 0 || digits.Length > 12)
        {
            return null;
        }

        if (IsHex(part))
        {
            return digits.Length == 0 ? 0 : ulong.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        }

        if (!part.All(char.IsAsciiDigit))
        {
            return null;
        }

        return part is ['0', _, ..] ? ParseOctal(digits) : ulong.Parse(part, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    private static ulong? ParseOctal(string digits)
    {
        var number = 0UL;
        foreach (var digit in digits)
        {
            if (digit is '8' or '9')
            {
                return null;
            }

            number = (number * 8) + (ulong)(digit - '0');
        }

        return number;
    }
}
