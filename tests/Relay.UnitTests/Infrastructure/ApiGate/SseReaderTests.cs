using System.Text;
using System.Text.Json;
using Relay.Infrastructure.ApiGate;

namespace Relay.UnitTests.Infrastructure.ApiGate;

public sealed class SseReaderTests
{
    private const string Stream =
        ": a comment\n\nevent: message_start\ndata: {\"type\":\"message_start\"}\n\nid: 7\r\nevent: ping\r\ndata: "
        + "{\"type\":\"ping\"}\r\n\r\ndata: {\"type\":\ndata: \"two lines\"}\n\n";

    [Fact]
    public void Events_are_the_same_wherever_the_bytes_are_split()
    {
        var bytes = Encoding.UTF8.GetBytes(Stream);
        for (var at = 0; at <= bytes.Length; at++)
        {
            var reader = new SseReader();
            Types([.. reader.Read(bytes.AsSpan(0, at)), .. reader.Read(bytes.AsSpan(at))])
                .Should()
                .Equal("message_start", "ping", "two lines");
        }
    }

    [Fact]
    public void An_event_without_its_blank_line_is_not_one() =>
        new SseReader().Read("data: {\"type\":\"message_stop\"}\n"u8).Should().BeEmpty();

    [Fact]
    public void Data_that_is_not_json_is_an_error()
    {
        var read = () => new SseReader().Read("data: <html>\n\n"u8);

        read.Should().Throw<JsonException>();
    }

    [Fact]
    public void An_event_without_an_end_takes_a_bounded_memory()
    {
        var reader = new SseReader();
        var chunk = Encoding.UTF8.GetBytes("data: " + new string('x', 1024 * 1024));
        var read = () =>
        {
            for (var times = 0; times < 20; times++)
            {
                reader.Read(chunk);
            }
        };

        read.Should().Throw<InvalidDataException>();
    }

    private static List<string?> Types(IEnumerable<JsonDocument> events)
    {
        var types = new List<string?>();
        foreach (var document in events)
        {
            using (document)
            {
                types.Add(document.RootElement.GetProperty("type").GetString());
            }
        }

        return types;
    }
}
