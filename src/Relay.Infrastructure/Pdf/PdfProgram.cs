using Microsoft.Win32.SafeHandles;

namespace Relay.Infrastructure.Pdf;

/// <summary>
/// The short-lived process that reads one file from its input and writes frames to its output. It is the relay's own executable, started
/// with one argument. <c>DOTNET_GCHeapHardLimit</c> bounds its memory. The relay bounds its time by ending it.
/// </summary>
public static class PdfProgram
{
    public const string Argument = "--read-pdf";

    /// <summary>Exit code of a process whose memory is used up. Lines that it wrote before count.</summary>
    public const int OutOfMemory = 12;

    private const int StandardInput = 0;
    private const int StandardOutput = 1;
    private const int MaxFile = 64 * 1024 * 1024;

    public static bool IsAskedFor(IReadOnlyList<string> arguments) => arguments is [Argument];

    /// <summary>Reads standard input and writes standard output.</summary>
    public static int Run()
    {
        using var input = new FileStream(new SafeFileHandle(StandardInput, ownsHandle: false), FileAccess.Read);
        using var output = new FileStream(new SafeFileHandle(StandardOutput, ownsHandle: false), FileAccess.Write);
        return Run(input, output);
    }

    private static int Run(Stream input, Stream output)
    {
        try
        {
            using var file = new MemoryStream();
            var buffer = new byte[64 * 1024];
            for (var read = input.Read(buffer); read > 0 && file.Length < MaxFile; read = input.Read(buffer))
            {
                file.Write(buffer, 0, read);
            }

            foreach (var frame in PdfExtractor.Read(file.ToArray()))
            {
                output.Write(frame.Write());
                output.WriteByte((byte)'\n');
                output.Flush();
            }

            return 0;
        }
        catch (OutOfMemoryException)
        {
            return OutOfMemory;
        }
        catch (IOException)
        {
            return 1; // The relay has stopped reading.
        }
    }
}
