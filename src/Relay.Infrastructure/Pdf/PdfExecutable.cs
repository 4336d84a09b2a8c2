using System.Reflection;

namespace Relay.Infrastructure.Pdf;

/// <summary>
/// The executable that runs <see cref="PdfProgram"/>: its absolute path, and the arguments before <see cref="PdfProgram.Argument"/>.
/// </summary>
internal sealed record PdfExecutable(string FileName, IReadOnlyList<string> Arguments)
{
    /// <summary>The program that runs now: the relay and <c>relayctl</c> both know the argument.</summary>
    public static PdfExecutable OfThisProcess()
    {
        var program = Environment.ProcessPath ?? throw new InvalidOperationException("The system does not tell the path of this program.");
        return string.Equals(Path.GetFileNameWithoutExtension(program), "dotnet", StringComparison.OrdinalIgnoreCase)
            ? new PdfExecutable(program, [Assembly.GetEntryAssembly()!.Location])
            : new PdfExecutable(program, []);
    }
}
