using System.Globalization;
using Relay.Application.Diagnostics;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Relay.Cli;

/// <summary>Tables and colours for people. A file or a pipe gets neither colours nor broken lines.</summary>
internal static class Terminal
{
    private const int WidthOfFiles = 10_000;

    public static IAnsiConsole Over(TextWriter writer)
    {
        var output = new AnsiConsoleOutput(writer);
        var plain = !output.IsTerminal || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Out = output,
                Ansi = plain ? AnsiSupport.No : AnsiSupport.Detect,
                ColorSystem = plain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
                Interactive = InteractionSupport.No,
            }
        );
        if (!output.IsTerminal)
        {
            console.Profile.Width = WidthOfFiles;
        }

        return console;
    }

    /// <summary>A time as people read it.</summary>
    public static string Time(DateTimeOffset? time) =>
        time?.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture) ?? "-";

    /// <summary>Writes a layout; into a file without the blanks that fill its lines.</summary>
    public static void Write(TextWriter writer, IRenderable layout)
    {
        if (new AnsiConsoleOutput(writer).IsTerminal)
        {
            Over(writer).Write(layout);
            return;
        }

        using var text = new StringWriter();
        Over(text).Write(layout);
        foreach (var line in text.ToString().TrimEnd().Split('\n'))
        {
            writer.WriteLine(line.TrimEnd());
        }
    }

    /// <summary>Writes a table. A heading that begins with &gt; stands above numbers.</summary>
    public static void WriteTable(TextWriter writer, IEnumerable<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table { Border = TableBorder.None };
        foreach (var heading in headings)
        {
            var isNumber = heading.StartsWith('>');
            table.AddColumn(
                new TableColumn(new Text(heading.TrimStart('>'), new Style(decoration: Decoration.Bold)))
                {
                    Alignment = isNumber ? Justify.Right : Justify.Left,
                    Padding = new Padding(0, 0, 2, 0),
                }
            );
        }

        foreach (var row in rows)
        {
            // As text, never as markup: brackets have no meaning in it.
            table.AddRow(row.Select(cell => new Text(Printable.Text(cell))));
        }

        Write(writer, table);
    }
}
