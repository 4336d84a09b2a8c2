using Microsoft.Extensions.Logging;
using Relay.Application.Diagnostics;

namespace Relay.Cli;

/// <summary>Turns warnings and errors of the relay's parts into plain lines on stderr.</summary>
internal sealed class SentenceLoggerProvider(TextWriter error) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new SentenceLogger(error);

    public void Dispose()
    {
        // The caller disposes of the writer.
    }

    private sealed class SentenceLogger(TextWriter error) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (IsEnabled(logLevel))
            {
                error.WriteLine(
                    Printable.Text(exception is null ? formatter(state, exception) : $"{formatter(state, exception)}: {exception.Message}")
                );
            }
        }
    }
}
