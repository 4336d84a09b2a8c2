using System.Buffers;
using System.Text;

namespace Relay.Domain.Completions;

/// <summary>
/// Texts that end an answer; the answer does not include them. The API looks for those with a visible character. The relay looks for
/// blank ones, which the API does not take, and for all of them where its requests do not pass the gate. Prints <c>***</c>.
/// </summary>
public sealed class StopSequences
{
    /// <summary>Most sequences.</summary>
    public const int MaxCount = 16;

    /// <summary>Longest sequence, in UTF-16 units.</summary>
    public const int MaxLength = 256;

    private readonly string[] _sequences;

    private StopSequences(string[] sequences) => _sequences = sequences;

    /// <summary>Those with a visible character, in the order in which the caller wrote them.</summary>
    public IEnumerable<string> Visible => _sequences.Where(sequence => !string.IsNullOrWhiteSpace(sequence));

    /// <summary>Those without a visible character; null for none.</summary>
    public StopSequences? Blank =>
        Array.FindAll(_sequences, string.IsNullOrWhiteSpace) is { Length: > 0 } blank ? new StopSequences(blank) : null;

    /// <summary>Accepts 1 to 16 texts of 1 to 256 characters, none with half of a surrogate pair.</summary>
    /// <param name="field">The wire name used in errors.</param>
    /// <param name="sequences">As the caller wrote them.</param>
    public static Result<StopSequences> Create(string field, IReadOnlyList<string?> sequences) =>
        sequences.Count is > 0 and <= MaxCount && sequences.All(sequence => sequence?.Length is > 0 and <= MaxLength && IsUnicode(sequence))
            ? new StopSequences([.. sequences.OfType<string>().Distinct(StringComparer.Ordinal)])
            : RelayError.Invalid(field, $"'{field}' takes 1 to {MaxCount} texts of 1 to {MaxLength} characters.");

    private static bool IsUnicode(string text)
    {
        for (var rest = text.AsSpan(); !rest.IsEmpty; )
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var length) != OperationStatus.Done)
            {
                return false;
            }

            rest = rest[length..];
        }

        return true;
    }

    /// <summary>
    /// The first sequence in a text, and its place. Of two that begin at the same place, the longer one is found. Null for none.
    /// </summary>
    public (int Index, string Sequence)? Find(ReadOnlySpan<char> text)
    {
        (int Index, string Sequence)? first = null;
        foreach (var sequence in _sequences)
        {
            var index = text.IndexOf(sequence, StringComparison.Ordinal);
            if (
                index >= 0
                && (first is not { } known || index < known.Index || (index == known.Index && sequence.Length > known.Sequence.Length))
            )
            {
                first = (index, sequence);
            }
        }

        return first;
    }

    /// <summary>The number of characters at the end of a text that may be the beginning of a sequence: they are not shown yet.</summary>
    public int CountHeldBack(ReadOnlySpan<char> text)
    {
        var most = 0;
        foreach (var sequence in _sequences)
        {
            for (var length = Math.Min(sequence.Length - 1, text.Length); length > most; length--)
            {
                if (text[^length..].SequenceEqual(sequence.AsSpan(0, length)))
                {
                    most = length;
                }
            }
        }

        return most;
    }

    public override string ToString() => "***";
}
