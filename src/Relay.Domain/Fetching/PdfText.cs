namespace Relay.Domain.Fetching;

/// <summary>The text of a PDF file.</summary>
/// <param name="Title">The title in the file's information; null for none.</param>
/// <param name="PageCount">Pages of the file, by its own count.</param>
/// <param name="Pages">The pages that were read, from the first on.</param>
/// <param name="IsWhole">Whether they are all pages of the file.</param>
public sealed record PdfText(string? Title, int PageCount, IReadOnlyList<PdfPage> Pages, bool IsWhole);

/// <summary>One page of a PDF file.</summary>
/// <param name="Paragraphs">
/// The paragraphs, in the order of the file; a line feed is a line's end that has to stay. Empty for a page without text.
/// </param>
/// <param name="IsReadable">False for a page whose content is broken.</param>
public sealed record PdfPage(IReadOnlyList<string> Paragraphs, bool IsReadable);
