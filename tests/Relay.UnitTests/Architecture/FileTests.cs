using System.Text.RegularExpressions;

namespace Relay.UnitTests.Architecture;

/// <summary>A type is found by the name of its file.</summary>
public sealed partial class FileTests
{
    private const int LongestNeighbour = 9;

    [Fact]
    public void A_type_of_ten_lines_has_a_file_of_its_name() =>
        Rule.ForEach(
            Sources().SelectMany(file => TypesIn(file).Select(type => (File: file, Type: type))),
            found => found.Type.Lines <= LongestNeighbour || MayBeIn(found.File, found.Type) ? null : $"{found.Type.Name} in {found.File}",
            "a stranger looks for a type by its name; move it into a file of that name"
        );

    /// <summary>
    /// A use case's request, validator and handler share a file, and so do the records that are parts of one body or answer. A file may be
    /// named for the noun of its use case or contracts.
    /// </summary>
    private static bool MayBeIn(string file, Declared type) =>
        type.Name == Path.GetFileNameWithoutExtension(file)
        || File.ReadAllText(file).Contains(" IRequestHandler<", StringComparison.Ordinal)
        || (type.IsRecord && file.Contains("Relay.Api", StringComparison.Ordinal));

    private static IEnumerable<string> Sources() =>
        Directory
            .EnumerateFiles(Checkout.PathOf("src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal));

    /// <summary>The types of a formatted file: each begins and ends at the margin.</summary>
    private static IEnumerable<Declared> TypesIn(string file)
    {
        var lines = File.ReadAllLines(file);
        for (var first = 0; first < lines.Length; first++)
        {
            if (Declaration().Match(lines[first]) is { Success: true } found)
            {
                var last = Array.FindIndex(lines, first, line => line is "}" || (line.EndsWith(';') && line[0] != ' '));
                yield return new Declared(
                    found.Groups["name"].Value,
                    found.Groups["kind"].Value.StartsWith("record", StringComparison.Ordinal),
                    last - first + 1
                );
            }
        }
    }

    private sealed record Declared(string Name, bool IsRecord, int Lines);

    [GeneratedRegex(
        @"^(public|internal|file) .*?\b(?<kind>class|record struct|record|struct|enum|interface) (?<name>\w+)",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Declaration();
}
