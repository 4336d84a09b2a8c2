using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Relay.EndToEndTests.Harness;

/// <summary>A span as it was exported.</summary>
internal sealed record ExportedSpan(
    string Name,
    string TraceId,
    string SpanId,
    string ParentSpanId,
    long Kind,
    IReadOnlyDictionary<string, string> Attributes,
    IReadOnlyDictionary<string, string> Resource,
    long Status
)
{
    /// <summary>Nanoseconds since 1970.</summary>
    public ulong Start { get; init; }

    /// <summary>Nanoseconds since 1970.</summary>
    public ulong End { get; init; }
}

/// <summary>A line of the log as it was exported.</summary>
internal sealed record ExportedLine(string Body, string TraceId, string SpanId, IReadOnlyDictionary<string, string> Attributes);

/// <summary>
/// An OpenTelemetry collector that keeps what it is sent, over HTTP or gRPC. It reads of the protocol's buffers what tests ask
/// for (opentelemetry-proto: trace.proto, logs.proto, common.proto); nothing of the relay's or the SDK's own code is in it.
/// </summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Signal, byte[] Body)> _received = new();

    private OtlpReceiver(WebApplication app) => _app = app;

    /// <summary>For <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>.</summary>
    public string Endpoint => _app.Urls.Single();

    /// <summary>Everything that came, as it came.</summary>
    public IReadOnlyList<byte[]> Bodies => [.. _received.Select(request => request.Body)];

    /// <summary>The signals that came: <c>traces</c>, <c>metrics</c>, <c>logs</c>.</summary>
    public IEnumerable<string> Signals => _received.Select(request => request.Signal).Distinct(StringComparer.Ordinal);

    /// <summary>The last value of a header that came with each.</summary>
    public string? Header { get; private set; }

    /// <summary>The spans so far.</summary>
    public IReadOnlyList<ExportedSpan> Spans => [.. Of("traces").SelectMany(ReadSpans)];

    /// <summary>The lines of the log so far.</summary>
    public IReadOnlyList<ExportedLine> Lines => [.. Of("logs").SelectMany(ReadLines)];

    /// <summary>The names of the metrics so far.</summary>
    public IReadOnlySet<string> Metrics =>
        Of("metrics")
            .SelectMany(body => Message.Parse(body).All(1))
            .SelectMany(resource => resource.All(2))
            .SelectMany(scope => scope.All(2))
            .Select(metric => metric.Text(1))
            .ToHashSet(StringComparer.Ordinal);

    /// <summary>Starts one.</summary>
    public static async Task<OtlpReceiver> StartAsync(bool overGrpc)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(kestrel =>
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = overGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1)
            );
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.Run(receiver.ReceiveAsync);
        await receiver._app.StartAsync(TestContext.Current.CancellationToken);
        // Once, so that the first export does not wait for the compiler on a busy machine: the relay waits three seconds for it.
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{receiver.Endpoint}/v1/warm")
        {
            Version = overGrpc ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([]),
        };
        (await client.SendAsync(request, TestContext.Current.CancellationToken)).Dispose();
        receiver._received.Clear();
        return receiver;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ReceiveAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        Header = context.Request.Headers["x-tenant"];
        var path = context.Request.Path.Value!;
        var isGrpc = path.StartsWith("/opentelemetry.proto.collector.", StringComparison.Ordinal);
        var signal = isGrpc
            ? path.Split('.')[3] switch
            {
                "trace" => "traces",
                var other => other,
            }
            : path["/v1/".Length..];
        // gRPC puts five bytes before each message: whether it is compressed, and its length.
        _received.Enqueue((signal, isGrpc ? body.ToArray()[5..] : body.ToArray()));
        if (isGrpc)
        {
            context.Response.ContentType = "application/grpc";
            context.Response.DeclareTrailer("grpc-status");
            await context.Response.Body.WriteAsync(new byte[5], context.RequestAborted);
            context.Response.AppendTrailer("grpc-status", "0");
        }
        else
        {
            context.Response.ContentType = "application/x-protobuf";
        }
    }

    private IEnumerable<byte[]> Of(string signal) => _received.Where(request => request.Signal == signal).Select(request => request.Body);

    private static IEnumerable<ExportedSpan> ReadSpans(byte[] body) =>
        from resource in Message.Parse(body).All(1)
        from scope in resource.All(2)
        from span in scope.All(2)
        select new ExportedSpan(
            span.Text(5),
            span.Hex(1),
            span.Hex(2),
            span.Hex(4),
            (long)span.Number(6),
            Attributes(span.All(9)),
            Attributes(resource.All(1).SelectMany(one => one.All(1))),
            (long)(span.All(15).FirstOrDefault()?.Number(3) ?? 0)
        )
        {
            Start = span.Number(7),
            End = span.Number(8),
        };

    private static IEnumerable<ExportedLine> ReadLines(byte[] body) =>
        from resource in Message.Parse(body).All(1)
        from scope in resource.All(2)
        from line in scope.All(2)
        select new ExportedLine(line.All(5).FirstOrDefault()?.Text(1) ?? string.Empty, line.Hex(9), line.Hex(10), Attributes(line.All(6)));

    private static Dictionary<string, string> Attributes(IEnumerable<Message> pairs) =>
        pairs.ToDictionary(pair => pair.Text(1), pair => Value(pair.All(2).FirstOrDefault()), StringComparer.Ordinal);

    /// <summary>A text, a truth, a whole number, or a list of texts.</summary>
    private static string Value(Message? value) =>
        value switch
        {
            null => string.Empty,
            _ when value.Has(1) => value.Text(1),
            _ when value.Has(2) => value.Number(2) == 1 ? "true" : "false",
            _ when value.Has(3) => value.Number(3).ToString(System.Globalization.CultureInfo.InvariantCulture),
            _ when value.Has(5) => string.Join(',', value.All(5).SelectMany(list => list.All(1)).Select(Value)),
            _ => "?",
        };

    /// <summary>The fields of a protocol buffer, by their numbers.</summary>
    private sealed class Message
    {
        private readonly List<(int Field, ulong Number, byte[] Bytes)> _fields = [];

        public static Message Parse(ReadOnlySpan<byte> bytes)
        {
            var message = new Message();
            while (bytes.Length > 0)
            {
                var tag = Varint(ref bytes);
                var field = (int)(tag >> 3);
                switch (tag & 7)
                {
                    case 0:
                        message._fields.Add((field, Varint(ref bytes), []));
                        break;
                    case 1:
                        message._fields.Add((field, BinaryPrimitives.ReadUInt64LittleEndian(bytes), []));
                        bytes = bytes[8..];
                        break;
                    case 2:
                        var length = (int)Varint(ref bytes);
                        message._fields.Add((field, 0, bytes[..length].ToArray()));
                        bytes = bytes[length..];
                        break;
                    case 5:
                        message._fields.Add((field, BinaryPrimitives.ReadUInt32LittleEndian(bytes), []));
                        bytes = bytes[4..];
                        break;
                    default:
                        throw new InvalidDataException($"Wire type {tag & 7}.");
                }
            }

            return message;
        }

        public bool Has(int field) => _fields.Any(one => one.Field == field);

        public IEnumerable<Message> All(int field) => _fields.Where(one => one.Field == field).Select(one => Parse(one.Bytes));

        public string Text(int field) => Encoding.UTF8.GetString(Bytes(field));

        public string Hex(int field) => Convert.ToHexStringLower(Bytes(field));

        public ulong Number(int field) => _fields.LastOrDefault(one => one.Field == field).Number;

        private byte[] Bytes(int field) => _fields.LastOrDefault(one => one.Field == field).Bytes ?? [];

        private static ulong Varint(ref ReadOnlySpan<byte> bytes)
        {
            ulong value = 0;
            for (var shift = 0; ; shift += 7)
            {
                var next = bytes[0];
                bytes = bytes[1..];
                value |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80)
                {
                    return value;
                }
            }
        }
    }
}
