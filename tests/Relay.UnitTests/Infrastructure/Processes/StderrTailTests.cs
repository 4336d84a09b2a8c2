using System.Text;
using Relay.Infrastructure.Processes;

namespace Relay.UnitTests.Infrastructure.Processes;

public sealed class StderrTailTests
{
    private const int Capacity = 4096;

    [Fact]
    public async Task Text_on_stderr_is_kept() => (await TailAsync("something ", "broke\n")).Should().Be("something broke");

    [Fact]
    public async Task Silence_is_empty() => (await TailAsync()).Should().BeEmpty();

    [Fact]
    public async Task Exactly_as_much_as_fits_is_kept_whole()
    {
        var text = new string('a', Capacity - 1) + "b";

        (await TailAsync(text)).Should().Be(text);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(4096)]
    [InlineData(10_000)]
    public async Task Of_more_than_fits_the_last_whole_lines_are_kept(int before)
    {
        var lines = string.Concat(Enumerable.Range(0, 40).Select(number => $"line {number:000} {new string('x', 90)}\n"));

        var tail = await TailAsync([.. Chunks(new string('-', before) + "\n" + lines)]);

        tail.Should().EndWith($"line 039 {new string('x', 90)}").And.NotContain("--");
        tail.Length.Should().BeInRange(Capacity - 200, Capacity);
        (await CountAsync([.. Chunks(new string('-', before) + "\n" + lines)])).Should().Be(before + 1 + lines.Length);
    }

    [Theory]
    [InlineData("key sk-ant-api03-AbCdEfGh_12345-xyz end")]
    [InlineData("key crk_AbCdEfGh12345 end")]
    [InlineData("Authorization: Bearer AbCdEfGh12345.xyz== end")]
    [InlineData("authorization: AbCdEfGh12345 end")]
    [InlineData("{\"token\":\"AbCdEfGh12345\"} end")]
    [InlineData("token=AbCdEfGh12345 end")]
    [InlineData("API_KEY=AbCdEfGh12345 end")]
    [InlineData("api-key: AbCdEfGh12345 end")]
    [InlineData("apikey AbCdEfGh12345 end")]
    [InlineData("client_secret = AbCdEfGh12345 end")]
    public async Task Credentials_are_cut_out(string text) =>
        (await TailAsync(text)).Should().Contain("***").And.EndWith(" end").And.NotContain("AbCdEfGh").And.NotContain("12345");

    [Fact]
    public async Task A_credential_whose_beginning_was_dropped_is_not_shown_either()
    {
        // The ring's edge falls into the middle of the token: nothing tells any more that it is one.
        var token = "sk-ant-" + new string('S', 60);
        var rest = "\n" + new string('x', Capacity - 1 - 30);

        (await TailAsync([.. Chunks(new string('-', 500) + " Bearer " + token + rest)])).Should().NotContain("SSS");
    }

    [Fact]
    public async Task A_credential_may_come_in_pieces() => (await TailAsync("sk-an", "t-AbCd", "EfGh12345 end")).Should().Be("*** end");

    [Fact]
    public async Task Nothing_of_it_moves_a_cursor_or_forges_a_line() =>
        (await TailAsync("a\u001b[31mred\r\nforged\u202Eline\u2028x\0y\tz\u0085")).Should().Be("a [31mred forged line x y z");

    [Fact]
    public async Task Broken_UTF_8_is_shown_as_such()
    {
        var tail = StderrTail.Drain(
            new Pieces([
                [(byte)'a', 0xFF, 0xC3],
            ])
        );
        await Waiting.UntilAsync(() => tail.TotalBytes == 3, "all was drained");

        tail.Redacted().Should().Be("a\uFFFD\uFFFD");
    }

    [Fact]
    public async Task A_child_that_complains_without_end_is_never_blocked()
    {
        var stream = new Pieces(Enumerable.Repeat(new byte[Capacity], 1000));
        var tail = StderrTail.Drain(stream);

        await Waiting.UntilAsync(() => tail.TotalBytes == 1000L * Capacity, "all was drained");
    }

    private static async Task<string> TailAsync(params string[] pieces)
    {
        var (tail, _) = await DrainAsync(pieces);
        return tail.Redacted();
    }

    private static async Task<long> CountAsync(params string[] pieces) => (await DrainAsync(pieces)).Tail.TotalBytes;

    private static async Task<(StderrTail Tail, long Bytes)> DrainAsync(string[] pieces)
    {
        var bytes = pieces.Select(Encoding.UTF8.GetBytes).ToList();
        var total = bytes.Sum(piece => (long)piece.Length);
        var tail = StderrTail.Drain(new Pieces(bytes));
        await Waiting.UntilAsync(() => tail.TotalBytes == total, "all was drained");
        return (tail, total);
    }

    private static IEnumerable<string> Chunks(string text) => text.Chunk(1000).Select(chunk => new string(chunk));
}
