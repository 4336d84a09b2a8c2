using Relay.Cli;
using Relay.Infrastructure.Pdf;

return PdfProgram.IsAskedFor(args) ? PdfProgram.Run() : await Relayctl.RunAsync(args, console: null, CancellationToken.None);
