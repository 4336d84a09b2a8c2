using Relay.Application.Diagnostics;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace Relay.Api.Hosting;

/// <summary>
/// Writes log events for a terminal. The value of a setting, a file's name or an exception's message may hold characters that control a
/// terminal. Such characters are written like <c>\u001b</c>, so that a message stays on one line.
/// </summary>
/// <param name="prefix">Serilog's template of the text before the message.</param>
internal sealed class PrintableLines(string prefix) : ITextFormatter
{
    private static readonly MessageTemplateTextFormatter Message = new("{Message:l}");

    private readonly MessageTemplateTextFormatter _prefix = new(prefix);

    public void Format(LogEvent logEvent, TextWriter output)
    {
        _prefix.Format(logEvent, output);
        using var message = new StringWriter();
        Message.Format(logEvent, message);
        output.WriteLine(Printable.Text(message.ToString()));
        if (logEvent.Exception is { } exception)
        {
            foreach (var line in exception.ToString().Split('\n'))
            {
                output.WriteLine(Printable.Text(line.TrimEnd('\r')));
            }
        }
    }
}
