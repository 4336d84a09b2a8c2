using System.Text.Json;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.Html;

/// <summary>Finds out whether a page shows its content only after its scripts have run, and reads its data for them.</summary>
internal static class ShellDetector
{
    /// <summary>The letters of visible text from which on a page does not need its scripts.</summary>
    private const int EnoughLetters = 200;

    /// <summary>Most letters that an empty application shows: "Loading…" and the like.</summary>
    private const int FewLetters = 60;

    private const int MaxDataBytes = 1_000_000;
    private const int MaxName = 100;

    /// <summary>The ids of the elements in which well-known frameworks put their content.</summary>
    private static readonly HashSet<string> Roots = new(StringComparer.OrdinalIgnoreCase)
    {
        "root",
        "app",
        "__next",
        "__nuxt",
        "___gatsby",
        "main-app",
        "app-root",
        "react-root",
        "reactroot",
        "svelte",
        "q-app",
        "mount",
        "application",
        "ember-application",
        "single-spa-application",
    };

    /// <summary>The reason why a page seems to need its scripts; null where it does not.</summary>
    public static ScriptNeed? Find(ReadOnlySpan<byte> html, CancellationToken cancellationToken)
    {
        var walker = new MarkupWalker(html, cancellationToken);
        var seen = new Seen();
        int? skipped = null;
        while (walker.Read() && seen.Letters < EnoughLetters)
        {
            if (skipped is { } depth)
            {
                seen.Says |=
                    seen.IsNoscript
                    && walker.Step == MarkupStep.Text
                    && walker.Text.Contains("javascript", StringComparison.OrdinalIgnoreCase);
                if (walker.Step == MarkupStep.Close && walker.Depth < depth)
                {
                    (skipped, seen.IsNoscript) = (null, false);
                }
            }
            else if (walker.Step == MarkupStep.Text)
            {
                seen.Letters += CountLetters(walker.Text);
            }
            else if (walker.Step == MarkupStep.Open)
            {
                seen.HasImage |=
                    walker.Tag
                        is HtmlTag.Img
                            or HtmlTag.Video
                            or HtmlTag.Audio
                            or HtmlTag.Iframe
                            or HtmlTag.Frameset
                            or HtmlTag.Object
                            or HtmlTag.Canvas;
                seen.HasScript |= walker.Tag == HtmlTag.Script && !HtmlStripper.IsJsonLd(walker.Attributes);
                seen.HasRoot |=
                    (
                        walker.Tag is HtmlTag.Div or HtmlTag.Main or HtmlTag.Section
                        && HtmlAttributes.Find(walker.Attributes, "id"u8) is { } id
                        && Roots.Contains(id.Trim())
                    ) || (walker.Tag == HtmlTag.Unknown && walker.Name.SequenceEqual("app-root"u8));
                if (walker.IsNested && (IsUnseen(walker.Tag) || HiddenElements.Contains(walker)))
                {
                    (skipped, seen.IsNoscript) = (walker.Depth, walker.Tag == HtmlTag.Noscript);
                }
            }
        }

        return seen.Letters >= EnoughLetters || !(seen.HasScript || seen.Says) ? null
            : seen.Says ? ScriptNeed.Noscript
            : seen.HasRoot && seen.Letters < FewLetters ? ScriptNeed.EmptyRoot
            : seen.Letters == 0 && !seen.HasImage ? ScriptNeed.NoText
            : null;
    }

    /// <summary>The JSON that a page carries for its scripts, by the ids of its script elements.</summary>
    public static IReadOnlyDictionary<string, JsonElement> ReadData(ReadOnlySpan<byte> html, CancellationToken cancellationToken)
    {
        var data = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        var tokens = new HtmlTokenizer(html);
        var bytes = 0;
        for (var count = 1; tokens.Read(); count++)
        {
            if (count % 1024 == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            if (
                tokens.Kind != HtmlTokenKind.StartTag
                || tokens.Tag != HtmlTag.Script
                || tokens.IsForeign
                || !string.Equals(
                    HtmlAttributes.Find(tokens.Attributes, "type"u8)?.Trim(),
                    "application/json",
                    StringComparison.OrdinalIgnoreCase
                )
            )
            {
                continue;
            }

            var name = HtmlAttributes.Find(tokens.Attributes, "id"u8) is { Length: > 0 and <= MaxName } id
                ? id
                : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"script_{data.Count + 1}");
            if (tokens.Read() && tokens.Kind == HtmlTokenKind.Text && bytes + tokens.Raw.Length <= MaxDataBytes)
            {
                bytes += tokens.Raw.Length;
                data.TryAdd(name, PageMetadataReader.ParseJson(tokens.Raw));
            }
        }

        return data;
    }

    private static bool IsUnseen(HtmlTag tag) =>
        tag
            is HtmlTag.Script
                or HtmlTag.Style
                or HtmlTag.Title
                or HtmlTag.Template
                or HtmlTag.Noscript
                or HtmlTag.Iframe
                or HtmlTag.Textarea
                or HtmlTag.Noembed
                or HtmlTag.Noframes
                or HtmlTag.Select;

    private static int CountLetters(string text) => text.Count(letter => !char.IsWhiteSpace(letter));

    private struct Seen
    {
        public int Letters;
        public bool HasImage;
        public bool HasScript;
        public bool HasRoot;
        public bool IsNoscript;
        public bool Says;
    }
}
