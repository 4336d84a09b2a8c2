using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Before anything else is looked at: by what name, how many, how fast.</summary>
public sealed class FrontDoorTests(FrontDoorTests.Fixture fixture) : IClassFixture<FrontDoorTests.Fixture>
{
    private readonly FakeRelay _relay = fixture.Relay;

    [Theory(Timeout = 120_000)]
    [InlineData("localhost", 200)]
    [InlineData("LOCALHOST:8799", 200)]
    [InlineData("127.0.0.1:1", 200)]
    [InlineData("[::1]:80", 200)]
    [InlineData("relay.example", 200)]
    [InlineData("tunnel.example", 200)]
    [InlineData("evil.example", 421)]
    [InlineData("localhost.evil.example", 421)]
    [InlineData("evil-localhost", 421)]
    [InlineData("127.0.0.2", 421)]
    [InlineData("0.0.0.0", 421)]
    [InlineData("2130706433", 421)]
    public async Task Only_its_own_names_are_answered(string host, int status)
    {
        foreach (var path in (string[])["/health", "/v1/models", "/nowhere"])
        {
            var answer = await RawHttp.ExchangeAsync(
                _relay.Program,
                $"GET {path} HTTP/1.1\nHost: {host}\nAuthorization: Bearer {_relay.Key}\n\n"
            );

            answer
                .Status.Should()
                .Be(
                    status == 421 ? 421
                    : path == "/nowhere" ? 404
                    : 200
                );
            if (status == 421)
            {
                answer.ErrorCode.Should().Be("wrong_host");
                answer.Body.Should().NotContain(host);
            }
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task No_other_site_may_read_answers()
    {
        foreach (var method in (string[])["OPTIONS", "GET"])
        {
            var answer = await RawHttp.ExchangeAsync(
                _relay.Program,
                $"{method} /v1/models HTTP/1.1\nHost: localhost\nOrigin: https://evil.example\nAccess-Control-Request-Method: "
                    + $"POST\nAccess-Control-Request-Headers: authorization\n\n"
            );

            answer.Status.Should().BeOneOf(401, 405);
            answer.Headers.Keys.Should().NotContain(name => name.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
        }
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task Connections_beyond_the_limit_are_closed_and_the_others_go_on()
    {
        await using var relay = await FakeRelay.StartAsync(script: null, ("MAX_CONNECTIONS", "10"));
        relay.Program.Http.CancelPendingRequests();
        var open = new List<TcpClient>();
        try
        {
            var refused = 0;
            for (var number = 0; number < 20; number++)
            {
                var client = new TcpClient();
                open.Add(client);
                await client.ConnectAsync(
                    relay.Program.Http.BaseAddress!.Host,
                    relay.Program.Http.BaseAddress.Port,
                    TestContext.Current.CancellationToken
                );
                refused += await IsClosedAsync(client) ? 1 : 0;
            }

            refused.Should().BeInRange(10, 12, "the test's own client may hold a connection or two");
            (await relay.Program.GetAsync("/health")).Status.Should().Be(200, "on a connection that it has");
        }
        finally
        {
            open.ForEach(client => client.Dispose());
        }
    }

    [Fact(Timeout = 180_000)]
    public async Task A_client_that_sends_its_head_too_slowly_is_cut_off()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(
            _relay.Program.Http.BaseAddress!.Host,
            _relay.Program.Http.BaseAddress.Port,
            TestContext.Current.CancellationToken
        );
        var watch = Stopwatch.StartNew();
        await client.GetStream().WriteAsync("GET /health HTTP/1.1\r\nHost: loc"u8.ToArray(), TestContext.Current.CancellationToken);

        var answer = await ReadToEndAsync(client);

        answer.Should().StartWith("HTTP/1.1 408");
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5));
    }

    [Theory(Timeout = 180_000)]
    [InlineData("", null)]
    [InlineData("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200")]
    [InlineData("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer crk_wrong\r\n\r\n", "HTTP/1.1 401")]
    public async Task A_silent_connection_that_never_had_a_good_key_is_closed_within_the_time_of_a_head(string request, string? answered)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(
            _relay.Program.Http.BaseAddress!.Host,
            _relay.Program.Http.BaseAddress.Port,
            TestContext.Current.CancellationToken
        );
        var watch = Stopwatch.StartNew();
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);

        var answer = await ReadToEndAsync(client).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        answer.Should().StartWith(answered ?? string.Empty);
        watch.Elapsed.TotalSeconds.Should().BeInRange(1.5, 20);
    }

    [Fact(Timeout = 180_000)]
    public async Task A_silent_connection_stays_open_once_it_had_a_good_key()
    {
        await using var connection = await RawHttp.ConnectAsync(_relay.Program);
        for (var times = 0; times < 2; times++)
        {
            await connection.SendAsync($"GET /v1/models HTTP/1.1\nHost: localhost\nAuthorization: Bearer {_relay.Key}\n\n");
            (await connection.ReadAsync()).Status.Should().Be(200);
            await Task.Delay(TimeSpan.FromSeconds(times == 0 ? 5 : 0), TestContext.Current.CancellationToken);
        }
    }

    [Theory(Timeout = 120_000)]
    [InlineData("X-Title: M\u00fcller")]
    [InlineData("User-Agent: caf\u00e9/1.0")]
    [InlineData("X-Odd: \u0080\u009f\u00ff")]
    public async Task A_header_in_Latin_1_is_no_reason_to_refuse_a_request(string header)
    {
        var answer = await RawHttp.ExchangeAsync(
            _relay.Program,
            $"GET /v1/models HTTP/1.1\nHost: localhost\nAuthorization: Bearer {_relay.Key}\n{header}\n\n"
        );

        answer.Status.Should().Be(200);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("10000000000000000")]
    [InlineData("fffffffffffffffff")]
    [InlineData("7fffffffffffffff")]
    [InlineData("8000000000000000")]
    [InlineData("80000000")]
    [InlineData("x")]
    [InlineData("-1")]
    public async Task A_chunk_of_an_impossible_size_is_the_clients_fault(string size)
    {
        var head =
            $"POST /v1/complete HTTP/1.1\nHost: localhost\nAuthorization: Bearer {_relay.Key}\nContent-Type: "
            + $"application/json\nTransfer-Encoding: chunked\n\n{size}\n{{}}\n";
        await using var connection = await RawHttp.ConnectAsync(_relay.Program);
        await connection.SendAsync(head);

        var answer = await connection.ReadAsync();

        answer.Status.Should().BeOneOf(400, 413);
        answer.ErrorCode.Should().BeOneOf("invalid_request", "too_large");
        _relay.Program.Log.Should().NotContain(line => line.Contains("fault of the relay", StringComparison.Ordinal));
        (
            await RawHttp.ExchangeAsync(
                _relay.Program,
                $"POST /v1/complete HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n{size}\n{{}}\n"
            )
        )
            .Status.Should()
            .Be(401, "a body that nobody reads");
        _relay.Program.Log.Should().NotContain(line => line.Contains("Exception", StringComparison.Ordinal));
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_client_that_sends_its_body_too_slowly_is_cut_off()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(
            _relay.Program.Http.BaseAddress!.Host,
            _relay.Program.Http.BaseAddress.Port,
            TestContext.Current.CancellationToken
        );
        var head =
            $"POST /v1/complete HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {_relay.Key}\r\nContent-Type: "
            + $"application/json\r\nContent-Length: 1000\r\n\r\n{{";
        var watch = Stopwatch.StartNew();
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), TestContext.Current.CancellationToken);

        await ReadToEndAsync(client);

        watch.Elapsed.TotalSeconds.Should().BeInRange(4, 12, "five seconds of grace");
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_client_that_does_not_read_its_answer_is_cut_off()
    {
        await using var relay = await FakeRelay.StartAsync(
            new FakeScript { Answer = new string('a', 6_000_000) },
            ("MIN_DATA_RATE", "2MB")
        );
        using var client = new TcpClient { ReceiveBufferSize = 4096 };
        await client.ConnectAsync(
            relay.Program.Http.BaseAddress!.Host,
            relay.Program.Http.BaseAddress.Port,
            TestContext.Current.CancellationToken
        );
        const string body = """{"prompt":"hi"}""";
        var request =
            $"POST /v1/complete HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {relay.Key}\r\nContent-Type: "
            + $"application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}";
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);

        var audited = await AuditedAsync(relay);

        audited.GetProperty("status").GetInt32().Should().Be(499);
        (await ReadToEndAsync(client)).Length.Should().BeLessThan(6_000_000, "the rest was never sent");
        (await relay.AskAsync()).Status.Should().Be(200, "others go on");
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task An_address_beyond_loopback_needs_to_be_meant()
    {
        await using var relay = RelayProgram.Launch([("HOST", "0.0.0.0"), ("ALLOWED_HOSTS", "https://relay.example")]);

        (await relay.WaitForExitAsync()).Should().Be(1);

        string.Join('\n', relay.Log).Should().Contain("ALLOW_REMOTE").And.Contain("ALLOWED_HOSTS: 'https://relay.example'");
    }

    private static async Task<JsonElement> AuditedAsync(FakeRelay relay)
    {
        await relay.Program.EventuallyAsync(
            () => Task.FromResult(relay.Program.Audit.Any(IsCompletion)),
            "the connection is never cut off"
        );
        return relay.Program.Audit.Last(IsCompletion);

        static bool IsCompletion(JsonElement line) => line.GetProperty("action").GetString() == "complete";
    }

    /// <summary>Whether the server hung up at once.</summary>
    private static async Task<bool> IsClosedAsync(TcpClient client)
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(150));
        try
        {
            return await client.GetStream().ReadAsync(new byte[1], soon.Token) == 0;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static async Task<string> ReadToEndAsync(TcpClient client)
    {
        var received = new MemoryStream();
        try
        {
            await client.GetStream().CopyToAsync(received, TestContext.Current.CancellationToken);
        }
        catch (IOException)
        {
            // Cut off with a reset: that is an end, too.
        }

        return Encoding.ASCII.GetString(received.ToArray());
    }

    public sealed class Fixture()
        : FakeRelayFixture(
            ("HEADER_TIMEOUT", "2s"),
            ("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],relay.example"),
            ("NGROK_DOMAIN", "tunnel.example")
        );
}
