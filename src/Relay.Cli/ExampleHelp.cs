using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Relay.Cli;

/// <summary>A command whose help ends with examples.</summary>
internal sealed class ExampleCommand(string name, string description, params string[] examples) : Command(name, description)
{
    /// <summary>Whole command lines, or lines that explain them.</summary>
    public IReadOnlyList<string> Examples { get; } = examples;
}

/// <summary>The usual help, with further lines below it.</summary>
internal static class ExampleHelp
{
    /// <summary>Adds the lines to the root's help, which serves all commands.</summary>
    public static void AddTo(RootCommand root, string outcomes)
    {
        var option = root.Options.OfType<HelpOption>().Single();
        option.Action = new ActionWithExamples((HelpAction)option.Action!, outcomes);
    }

    private sealed class ActionWithExamples(HelpAction usual, string outcomes) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            usual.Invoke(parseResult);
            var output = parseResult.InvocationConfiguration.Output;
            if (parseResult.CommandResult.Command is ExampleCommand { Examples: { Count: > 0 } examples })
            {
                output.WriteLine("Examples:");
                foreach (var example in examples)
                {
                    output.WriteLine($"  {example}");
                }
            }
            else if (parseResult.CommandResult.Command is RootCommand)
            {
                output.WriteLine(outcomes);
            }

            return ExitCode.Done;
        }
    }
}
