using Relay.Api.Hosting;
using Relay.Infrastructure.Pdf;
using Relay.Infrastructure.Processes;
using Serilog;

if (CommandLineHelp.For(args) is { } text)
{
#pragma warning disable RS0030 // No relay runs, so there is no log: this text is the whole output of the program.
    await Console.Out.WriteLineAsync(text);
#pragma warning restore RS0030
    return 0;
}

ProcessHardening.Apply();
if (PdfProgram.IsAskedFor(args))
{
    return PdfProgram.Run();
}

try
{
    await using var app = RelayHost.Build(args);
    return await app.RunToEndAsync(CancellationToken.None);
}
catch (OperationCanceledException)
{
    return 0; // It was asked to stop during its start.
}
catch (Exception exception) when (StartupProblems.Of(exception) is { Count: > 0 } problems)
{
    await using var logger = new LoggerConfiguration().WriteTo.Console(new PrintableLines("{Level:u3} ")).CreateLogger();
    foreach (var problem in problems)
    {
        logger.Fatal("{Problem}", problem);
    }

    return 1;
}
