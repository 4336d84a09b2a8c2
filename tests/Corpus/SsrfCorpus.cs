using System.Text.Json;

namespace Relay.Tests.Corpus;

/// <summary>One row of <c>ssrf_corpus.jsonl</c>: what a fetcher is asked, and whether it may.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Kind"><c>url</c>: the text of a URL; <c>address</c>: a resolved address; <c>scenario</c>: a whole fetch.</param>
/// <param name="Input">A string, or an object for scenarios.</param>
/// <param name="Expect"><c>allow</c>, <c>block</c> or <c>error</c>.</param>
/// <param name="Why">A code and a sentence.</param>
public sealed record SsrfRow(string Id, string Kind, JsonElement Input, string Expect, string Why)
{
    /// <summary>Whether the fetch succeeds.</summary>
    public bool IsAllowed => Expect == "allow";

    /// <summary>The suggested code at the beginning of <see cref="Why"/>.</summary>
    public string Code => Why[1..Why.IndexOf(']', StringComparison.Ordinal)];
}

/// <summary>The corpus that lies beside this file.</summary>
public static class SsrfCorpus
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    private static readonly Lazy<ILookup<string, SsrfRow>> ByKind = new(() =>
        File.ReadLines(Path.Combine(AppContext.BaseDirectory, "ssrf_corpus.jsonl"))
            .Select(line => JsonSerializer.Deserialize<SsrfRow>(line, Options)!)
            .ToLookup(row => row.Kind, StringComparer.Ordinal)
    );

    /// <summary>All rows of one kind.</summary>
    public static IEnumerable<SsrfRow> Rows(string kind) => ByKind.Value[kind];
}
