using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.Tests.Corpus;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// A scenario of the corpus, played in a test's Internet with its own host names, so that many can be played at once and
/// what the relay remembers of a host is of this one.
/// </summary>
internal sealed partial class SsrfScenario
{
    private const long Mebibyte = 1024 * 1024;

    private static readonly ConcurrentDictionary<(string Kind, long Bytes), byte[]> Bombs = new();

    private readonly JsonElement _input;
    private readonly JsonElement[] _hops;
    private int _hop;

    public SsrfScenario(SsrfRow row)
    {
        Row = row;
        var text = row.Input.GetRawText();
        foreach (var name in (string[])["site.example.net", "www.example.org", "internal.example.net", "expired.example.net"])
        {
            text = text.Replace(name, NameOf(name), StringComparison.Ordinal);
        }

        text =
            row.Input.TryGetProperty("config", out var config) && config.TryGetProperty("connect", out _)
                ? text.Replace("93.184.215.14", TestInternet.UnreachableAddress, StringComparison.Ordinal)
                : text;
        _input = JsonElement.Parse(text);
        _hops = _input.TryGetProperty("hops", out var hops) ? [.. hops.EnumerateArray()] : [];
    }

    /// <summary>The row.</summary>
    public SsrfRow Row { get; }

    /// <summary>The URL to fetch.</summary>
    public string Url => _input.GetProperty("url").GetString()!;

    /// <summary>The number of times that it is fetched.</summary>
    public int Requests => Config("requests")?.GetInt32() ?? 1;

    /// <summary>The caller's body.</summary>
    public Dictionary<string, object> Body
    {
        get
        {
            var body = new Dictionary<string, object>(StringComparer.Ordinal) { ["url"] = Url };
            if (Config("cap") is { } cap)
            {
                body["max_bytes"] = cap.GetInt32();
            }

            if (_input.TryGetProperty("request", out var request) && request.TryGetProperty("strip", out var strip))
            {
                body["strip"] = strip.GetBoolean();
            }

            return body;
        }
    }

    /// <summary>Settings that the relay needs for it.</summary>
    public (string Name, string Value)[] Settings
    {
        get
        {
            var settings = new List<(string, string)>();
            if (Config("on_limit")?.GetString() == "reject")
            {
                settings.Add(("FETCH_OVERSIZE", "refuse"));
            }

            if (Config("deny") is { } deny)
            {
                settings.Add(("FETCH_DENY", string.Join(',', deny.EnumerateArray())));
            }

            if (Config("allow") is { } allow)
            {
                var ports = allow.EnumerateArray().Select(one => one.GetString()!.Split(':')[^1]).ToList();
                var hosts = Config("allow_hosts")!.Value.EnumerateArray().SelectMany(host => ports.Select(port => $"{host}:{port}"));
                settings.Add(("FETCH_ALLOW", string.Join(',', [.. allow.EnumerateArray().Select(one => one.GetString()), .. hosts])));
            }

            if (Config("own_hosts") is { } own)
            {
                settings.Add(("ALLOWED_HOSTS", $"localhost,127.0.0.1,{string.Join(',', own.EnumerateArray())}"));
            }

            return [.. settings];
        }
    }

    /// <summary>A name as this scenario has it.</summary>
    public string NameOf(string name) => $"{name.Split('.')[0]}-{Row.Id}.{name.Split('.', 2)[1]}";

    /// <summary>Makes its names and its sites.</summary>
    public void Install(TestInternet internet)
    {
        if (Config("nat64_prefixes") is { } prefixes)
        {
            internet.Names.Set(
                "ipv4only.arpa",
                [
                    .. prefixes
                        .EnumerateArray()
                        .Select(prefix =>
                            (IReadOnlyList<string>)[prefix.GetString()!.Replace("::/96", "::c000:aa", StringComparison.Ordinal)]
                        ),
                ]
            );
        }

        if (!_input.TryGetProperty("dns", out var dns))
        {
            return;
        }

        var site = MakeSite();
        foreach (var name in dns.EnumerateObject())
        {
            internet.Names.Set(
                name.Name,
                [
                    .. name
                        .Value.EnumerateArray()
                        .Select(answers => (IReadOnlyList<string>)[.. answers.EnumerateArray().Select(answer => answer.GetString()!)]),
                ]
            );
            internet.Sites.Sites[name.Name] = site;
        }
    }

    private JsonElement? Config(string name) =>
        _input.TryGetProperty("config", out var config) && config.TryGetProperty(name, out var value) ? value : null;

    private Site MakeSite()
    {
        var site = new Site(
            AnswerAsync,
            Config("cert")?.GetString() switch
            {
                null => SiteCertificate.Good,
                "expired" => SiteCertificate.Expired,
                "self-signed" => SiteCertificate.SelfSigned,
                var kind when kind.StartsWith("AIA", StringComparison.Ordinal) => SiteCertificate.WithPrivateIssuerAddress,
                var kind => throw new InvalidOperationException(kind),
            }
        )
        {
            KeepsAlive = Requests > 1,
        };
        const string head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n";
        return Config("server")?.GetString() switch
        {
            null => site,
            "accepts TCP, never answers ClientHello" => site with
            {
                Handshake = (_, cancellationToken) => Task.Delay(Timeout.Infinite, cancellationToken),
            },
            "sends 'X-n: y' lines for ever" => Forever("HTTP/1.1 200 OK\r\n", "X-n: y\r\n", TimeSpan.Zero),
            "1 byte/s before the blank line" => Forever("HTTP/1.1 200 OK\r\n", "X", TimeSpan.FromSeconds(1)),
            "silent" => Forever(string.Empty, string.Empty, TimeSpan.FromSeconds(1)),
            "<html>..." => Site.Sending("<html><p>hi</p></html>"u8.ToArray()),
            "endless chunked" or "endless" => Forever(
                head + "Transfer-Encoding: chunked\r\n\r\n",
                "400\r\n" + new string('a', 1024) + "\r\n",
                TimeSpan.Zero
            ),
            "drip" => Forever(head + "\r\n", "a", TimeSpan.FromMilliseconds(200)),
            "huge chunk extension" => Site.Sending(
                Encoding.ASCII.GetBytes(head + "Transfer-Encoding: chunked\r\n\r\n5;" + new string('x', 200_000) + "\r\nhello\r\n0\r\n\r\n")
            ),
            "10 trailers" => Site.Sending(
                Encoding.ASCII.GetBytes(
                    head
                        + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
                        + string.Concat(Enumerable.Range(0, 10).Select(number => $"X-{number}: y\r\n"))
                        + "\r\n"
                )
            ),
            // To HTTP/2 clients only. The relay is not one.
            "pushes http://127.0.0.1/" => site,
            var server => throw new InvalidOperationException(server),
        };
    }

    private static Site Forever(string head, string more, TimeSpan pause) =>
        new(
            async (_, stream, cancellationToken) =>
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes(head), cancellationToken);
                while (true)
                {
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(more), cancellationToken);
                    await Task.Delay(pause, cancellationToken);
                }
            }
        );

    private async Task AnswerAsync(SiteRequest request, Stream stream, CancellationToken cancellationToken)
    {
        var hop = _hops[Math.Min(Interlocked.Increment(ref _hop) - 1, _hops.Length - 1)];
        var headers = new StringBuilder();
        foreach (var (name, value) in HeadersOf(hop))
        {
            headers.Append(CultureInfo.InvariantCulture, $"{name}: {Encoding.UTF8.GetString(Expand(value))}\r\n");
        }

        var body = hop.TryGetProperty("body", out var text) ? Expand(text.GetString()!) : [];
        await stream.WriteAsync(Site.Response(hop.GetProperty("status").GetInt32(), headers.ToString(), body), cancellationToken);
    }

    private static IEnumerable<(string Name, string Value)> HeadersOf(JsonElement hop)
    {
        var headers = hop.GetProperty("headers");
        return headers.ValueKind == JsonValueKind.Object
            ? headers.EnumerateObject().Select(header => (header.Name, header.Value.GetString()!))
            : headers.EnumerateArray().Select(header => (header[0].GetString()!, header[1].GetString()!));
    }

    /// <summary>The corpus' notation: <c>bomb:gzip:256MiB</c>, <c>a*1000</c>, <c>text...x1000</c>, <c>\xff</c>.</summary>
    public static byte[] Expand(string text)
    {
        if (BombNotation().Match(text) is { Success: true } bomb)
        {
            var unit = bomb.Groups["unit"].Value == "G" ? 1024 * Mebibyte : Mebibyte;
            return Bombs.GetOrAdd(
                (bomb.Groups["kind"].Value, long.Parse(bomb.Groups["size"].Value, CultureInfo.InvariantCulture) * unit),
                one => MakeBomb(one.Kind, one.Bytes)
            );
        }

        if (RepeatedLetter().Match(text) is { Success: true } letter)
        {
            return
            [
                .. Enumerable.Repeat(
                    (byte)letter.Groups["letter"].Value[0],
                    int.Parse(letter.Groups["times"].Value, CultureInfo.InvariantCulture)
                ),
                .. Expand(letter.Groups["rest"].Value),
            ];
        }

        if (RepeatedText().Match(text) is { Success: true } repeated)
        {
            var unit = repeated.Groups["unit"].Value;
            unit = unit.StartsWith("<div>", StringComparison.Ordinal) ? "<div>" : unit;
            return Encoding.UTF8.GetBytes(
                string.Concat(Enumerable.Repeat(unit, int.Parse(repeated.Groups["times"].Value, CultureInfo.InvariantCulture)))
            );
        }

        var bytes = new List<byte>();
        for (var index = 0; index < text.Length; )
        {
            if (text.AsSpan(index).StartsWith("\\x", StringComparison.Ordinal))
            {
                bytes.Add(byte.Parse(text.AsSpan(index + 2, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                index += 4;
            }
            else
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(text, index, 1));
                index++;
            }
        }

        return [.. bytes];
    }

    private static byte[] MakeBomb(string kind, long bytes)
    {
        using var packed = new MemoryStream();
        using (
            Stream packing = kind switch
            {
                "gzip" => new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true),
                "br" => new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true),
                "deflate" => new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true),
                _ => throw new InvalidOperationException(kind),
            }
        )
        {
            var zeros = new byte[Mebibyte];
            for (var written = 0L; written < bytes; written += zeros.Length)
            {
                packing.Write(zeros);
            }
        }

        return packed.ToArray();
    }

    [GeneratedRegex("^bomb:(?<kind>[a-z]+):(?<size>[0-9]+)(?<unit>[MG])iB$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex BombNotation();

    [GeneratedRegex(@"^(?<letter>.)\*(?<times>[0-9]+)( \+ (?<rest>.*))?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RepeatedLetter();

    [GeneratedRegex(@"^(?<unit>.+)\.\.\.x(?<times>[0-9]+)( unterminated)?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RepeatedText();
}
