namespace Relay.UnitTests.Support;

/// <summary>Damage to a file, as of a disk that fails.</summary>
internal static class Damage
{
    private const int PageBytes = 4096;

    /// <summary>Overwrites all pages of a database but the first, in place: its header and its schema stay readable.</summary>
    public static void PagesOf(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var rest = stream.Length - PageBytes;
        stream.Position = PageBytes;
        stream.Write([.. Enumerable.Repeat((byte)0x5a, (int)rest)]);
    }
}
