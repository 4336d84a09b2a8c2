using System.Globalization;
using System.Text.Json;
using Relay.Application.Diagnostics;
using Spectre.Console;

namespace Relay.Cli;

/// <summary>A line of the audit log for people: time, action, key, outcome, and other fields by name.</summary>
internal static class AuditText
{
    /// <summary>Fields that have their own place in the line, or are too long for one.</summary>
    private static readonly string[] Unnamed =
    [
        "time",
        "action",
        "key_label",
        "key_id",
        "status",
        "error",
        "request_id",
        "before",
        "after",
    ];

    /// <summary>Writes one line. A line that can't be read is written unchanged.</summary>
    public static void Write(IAnsiConsole console, string line)
    {
        try
        {
            using var entry = JsonDocument.Parse(line);
            if (entry.RootElement.ValueKind == JsonValueKind.Object)
            {
                WriteEntry(console, entry.RootElement);
                return;
            }
        }
        catch (JsonException)
        {
            // An unfinished line of a disk that was full, or an edit by hand.
        }

        WriteLine(console, [(line, Style.Plain)]);
    }

    private static void WriteEntry(IAnsiConsole console, JsonElement entry)
    {
        var failed = entry.TryGetProperty("error", out _);
        var parts = new List<(string, Style)>
        {
            (TimeOf(entry), new Style(decoration: Decoration.Dim)),
            (ValueOf(entry, "action") ?? "?", new Style(failed ? Color.Red : Color.Green)),
        };
        if ((ValueOf(entry, "key_label") ?? ValueOf(entry, "key_id")) is { } key)
        {
            parts.Add((key, new Style(decoration: Decoration.Bold)));
        }

        parts.AddRange(
            ((string[])["status", "error"])
                .Select(name => ValueOf(entry, name))
                .OfType<string>()
                .Select(value => (value, failed ? new Style(Color.Red) : Style.Plain))
        );
        parts.AddRange(
            entry
                .EnumerateObject()
                .Where(property => !Unnamed.Contains(property.Name, StringComparer.Ordinal))
                .Select(property => ($"{property.Name}={property.Value}", Style.Plain))
        );
        WriteLine(console, parts);
    }

    private static void WriteLine(IAnsiConsole console, IEnumerable<(string Text, Style Style)> parts)
    {
        foreach (var (index, (text, style)) in parts.Index())
        {
            // Not as a paragraph: a long line stays one line, in a terminal, too.
            console.Write(new UnwrappedText((index == 0 ? string.Empty : "  ") + Printable.Text(text), style));
        }

        console.WriteLine();
    }

    private static string TimeOf(JsonElement entry) =>
        entry.TryGetProperty("time", out var time) && time.ValueKind == JsonValueKind.String && time.TryGetDateTimeOffset(out var at)
            ? at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture)
            : "-";

    private static string? ValueOf(JsonElement entry, string name) => entry.TryGetProperty(name, out var value) ? value.ToString() : null;

    /// <summary>Text that is never wrapped.</summary>
    private sealed class UnwrappedText(string text, Style style) : Spectre.Console.Rendering.Renderable
    {
        protected override IEnumerable<Spectre.Console.Rendering.Segment> Render(
            Spectre.Console.Rendering.RenderOptions options,
            int maxWidth
        ) => [new Spectre.Console.Rendering.Segment(text, style)];
    }
}
