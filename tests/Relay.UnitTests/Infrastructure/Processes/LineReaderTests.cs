using System.Text;
using Relay.Infrastructure.Processes;

namespace Relay.UnitTests.Infrastructure.Processes;

public sealed class LineReaderTests
{
    private const int Cap = 10;

    [Fact]
    public async Task Lines_come_one_by_one_without_their_newlines() =>
        (await ReadAllAsync("one\ntwo\nthree\n")).Should().Equal("one", "two", "three");

    [Fact]
    public async Task A_line_may_come_byte_by_byte() =>
        (await ReadAllAsync([.. "öne\n\n€\n".SelectMany(letter => Encoding.UTF8.GetBytes($"{letter}")).Select(value => new[] { value })]))
            .Should()
            .Equal("öne", "€");

    [Fact]
    public async Task A_piece_may_hold_the_end_of_one_line_and_the_start_of_the_next() =>
        (await ReadAllAsync("on", "e\ntw", "o\n")).Should().Equal("one", "two");

    [Fact]
    public async Task Empty_lines_are_passed_over() => (await ReadAllAsync("\n\none\n\n\n", "\ntwo\n\n")).Should().Equal("one", "two");

    [Fact]
    public async Task Half_a_line_at_the_end_counts_as_nothing() => (await ReadAllAsync("one\ntw")).Should().Equal("one");

    [Fact]
    public async Task An_empty_stream_has_no_line() => (await ReadAllAsync(Array.Empty<string>())).Should().BeEmpty();

    [Theory]
    [InlineData("0123456789\n")]
    [InlineData("01234", "56789\n")]
    [InlineData("0123456789", "\n")]
    [InlineData("\n\n0123456789\n\n")]
    public async Task A_line_as_long_as_allowed_is_read(params string[] pieces) =>
        (await ReadAllAsync(pieces)).Should().Equal("0123456789");

    [Theory]
    [InlineData("0123456789a\n")]
    [InlineData("01234", "56789a", "\n")]
    [InlineData("0123456789a")]
    [InlineData("ok\n0123456789a")]
    public async Task One_byte_more_is_too_long_with_or_without_an_end(params string[] pieces) =>
        await ((Func<Task>)(() => ReadAllAsync(pieces))).Should().ThrowAsync<LineTooLongException>();

    [Fact]
    public async Task The_lines_before_one_that_is_too_long_are_still_read()
    {
        await using var reader = new LineReader(new Pieces([Encoding.UTF8.GetBytes("one\n0123456789abc\n")]), Cap, TimeProvider.System);

        (await ReadAsync(reader)).Should().Be("one");
        await ((Func<Task>)(() => ReadAsync(reader))).Should().ThrowAsync<LineTooLongException>();
    }

    [Fact]
    public async Task Unread_lines_stay_in_the_pipe()
    {
        var stream = new Pieces(Enumerable.Repeat("line\n"u8.ToArray(), 100));
        await using var reader = new LineReader(stream, Cap, TimeProvider.System);

        await ReadAsync(reader);

        stream.Reads.Should().Be(1);
    }

    private static Task<List<string>> ReadAllAsync(params string[] pieces) => ReadAllAsync([.. pieces.Select(Encoding.UTF8.GetBytes)]);

    private static async Task<List<string>> ReadAllAsync(byte[][] pieces)
    {
        await using var reader = new LineReader(new Pieces(pieces), Cap, TimeProvider.System);
        List<string> lines = [];
        while (await ReadAsync(reader) is { } line)
        {
            lines.Add(line);
        }

        return lines;
    }

    private static Task<string?> ReadAsync(LineReader reader) =>
        reader.ReadAsync(bytes => Encoding.UTF8.GetString(bytes), Waiting.Token).AsTask();
}
