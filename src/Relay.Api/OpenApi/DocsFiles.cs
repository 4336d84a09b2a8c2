namespace Relay.Api.OpenApi;

/// <summary>The files of the page <c>/docs</c>, read from inside the program when they are first asked for.</summary>
internal sealed class DocsFiles
{
    private readonly Lazy<ServedDocument> _page = new(() => new("text/html; charset=utf-8", DocumentParts.Resource("docs/index.html")));

    private readonly Lazy<ServedDocument> _start = new(() =>
        new("text/javascript; charset=utf-8", DocumentParts.Resource("docs/start.js"))
    );

    private readonly Lazy<ServedDocument> _scalar = new(ReadScalar);

    public ServedDocument Page => _page.Value;

    public ServedDocument Start => _start.Value;

    public ServedDocument Scalar => _scalar.Value;

    /// <summary>Scalar's script from its package, where it is compressed.</summary>
    private static ServedDocument ReadScalar()
    {
        using var stream =
            typeof(global::Scalar.AspNetCore.ScalarOptions).Assembly.GetManifestResourceStream("ScalarStaticAssets.scalar.js")
            ?? throw new InvalidOperationException("Scalar's package has its script under another name.");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return new ServedDocument("text/javascript; charset=utf-8", copy.ToArray(), isCompressed: true);
    }
}
