using System.Runtime.InteropServices;

namespace Relay.AnthropicSimulator;

/// <summary>
/// The simulator as a separate process. Not top-level statements: those would add a second public Program to the test assemblies.
/// </summary>
internal static class EntryPoint
{
    private static async Task<int> Main(string[] args)
    {
        var (output, error) = (Console.Out, Console.Error);
        var options = CommandLine.Parse(args);
        if (options.Error is not null)
        {
            await error.WriteLineAsync(options.Error + "; --help lists the options");
            return 2;
        }

        if (options.Help)
        {
            await output.WriteLineAsync(CommandLine.Usage);
            return 0;
        }

        return await RunAsync(options, output, error);
    }

    private static async Task<int> RunAsync(CommandLine options, TextWriter output, TextWriter error)
    {
        using var stop = new CancellationTokenSource();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        try
        {
            await using var simulator = await Simulator.StartAsync(options.Port, stop.Token);
            simulator.Default = options.Behavior;
            await output.WriteLineAsync("listening on " + simulator.BaseAddress.GetLeftPart(UriPartial.Authority));
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 0;
        }
        catch (IOException e)
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }

        return 0;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true; // The runtime's own answer would end the process before the simulator is disposed.
            stop.Cancel();
        }
    }
}
