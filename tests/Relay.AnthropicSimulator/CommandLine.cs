using System.Globalization;

namespace Relay.AnthropicSimulator;

/// <summary>The program's options. <see cref="Error"/> is set when they make no sense.</summary>
internal sealed record CommandLine(int Port, Behavior Behavior, bool Help, string? Error)
{
    public const string Usage = """
        Simulates Anthropic's Messages API on 127.0.0.1. Prints one line, "listening on http://127.0.0.1:PORT", and runs until SIGTERM or SIGINT.

          --port N                   port to listen on (default 0: a free one)
          --before-first-token-ms N  milliseconds of silence before each answer (default 0)
          --between-tokens-ms N      milliseconds between the deltas of an answer (default 0)
          --words N                  answer with N words, one delta each
          --echo                     answer with the user's text
          --text TEXT                answer with this text
          --help                     this text
        """;

    public static CommandLine Parse(IReadOnlyList<string> args)
    {
        var parsed = new CommandLine(0, new Behavior(), Help: false, Error: null);
        for (var i = 0; i < args.Count && parsed.Error is null; i++)
        {
            var name = args[i];
            parsed = name switch
            {
                "--help" => parsed with { Help = true },
                "--echo" => parsed with { Behavior = parsed.Behavior with { Echo = true } },
                "--port" or "--before-first-token-ms" or "--between-tokens-ms" or "--words" or "--text" => ++i < args.Count
                    ? parsed.With(name, args[i])
                    : parsed with
                    {
                        Error = name + " needs a value",
                    },
                _ => parsed with { Error = "unknown option: " + name },
            };
        }

        return parsed;
    }

    private CommandLine With(string name, string value)
    {
        if (name == "--text")
        {
            return this with { Behavior = Behavior with { Text = value } };
        }

        var least = name == "--words" ? 1 : 0;
        var most = name == "--port" ? ushort.MaxValue : int.MaxValue;
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < least || number > most)
        {
            return this with { Error = $"{name} must be a whole number from {least} to {most}" };
        }

        return name switch
        {
            "--port" => this with { Port = number },
            "--words" => this with { Behavior = Behavior with { Words = number } },
            "--before-first-token-ms" => this with { Behavior = Behavior with { BeforeFirstToken = TimeSpan.FromMilliseconds(number) } },
            _ => this with { Behavior = Behavior with { BetweenTokens = TimeSpan.FromMilliseconds(number) } },
        };
    }
}
