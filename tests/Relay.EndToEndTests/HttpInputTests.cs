using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using FluentAssertions;
using Relay.EndToEndTests.Harness;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Whatever is sent to the relay: a clear JSON error that names what is wrong, and nothing lost.</summary>
public sealed class HttpInputTests(HttpInputTests.Fixture fixture) : IClassFixture<HttpInputTests.Fixture>, IAsyncLifetime
{
    private const int MaxInputBytes = 20_000;
    private const int MaxBodyBytes = 100_000;

    private static readonly MediaTypeHeaderValue Json = new("application/json");

    private readonly RelayProgram _relay = fixture.Relay.Program;
    private readonly string _key = fixture.Relay.Key;

    /// <summary>Bodies, and the code and field of the answer.</summary>
    public static TheoryData<string, string, string?> WrongBodies => new()
    {
        { "", "invalid_json", null },
        { " \n ", "invalid_json", null },
        { "prompt=hi", "invalid_json", null },
        { "{", "invalid_json", null },
        { """{"prompt":"hi",}""", "invalid_json", null },
        { """{'prompt':'hi'}""", "invalid_json", null },
        { """{"prompt":"hi"} trailing""", "invalid_json", null },
        { """{"prompt":"hi"}{"prompt":"hi"}""", "invalid_json", null },
        { """{"prompt":"hi"}]""", "invalid_json", null },
        { """/* no */{"prompt":"hi"}""", "invalid_json", null },
        { "{\"prompt\":\"a\nb\"}", "invalid_json", null },
        { "null", "invalid_json", null },
        { "[]", "invalid_json", null },
        { """[{"prompt":"hi"}]""", "invalid_json", null },
        { "42", "invalid_json", null },
        { "\"hi\"", "invalid_json", null },
        { "true", "invalid_json", null },
        { "{}", "invalid_request", "prompt" },
        { """{"prompt":null}""", "invalid_request", "prompt" },
        { """{"prompt":""}""", "invalid_request", "prompt" },
        { """{"prompt":" \n\t\u00a0\u3000 "}""", "invalid_request", "prompt" },
        { """{"prompt":42}""", "invalid_request", "prompt" },
        { """{"prompt":true}""", "invalid_request", "prompt" },
        { """{"prompt":["hi"]}""", "invalid_request", "prompt" },
        { """{"prompt":{"text":"hi"}}""", "invalid_request", "prompt" },
        { """{"prompt":"hi","system":1}""", "invalid_request", "system" },
        { """{"prompt":"hi","system":["a"]}""", "invalid_request", "system" },
        { """{"prompt":"hi","system":"  "}""", "invalid_request", "system" },
        { """{"prompt":"hi","model":7}""", "invalid_request", "model" },
        { """{"prompt":"hi","model":{}}""", "invalid_request", "model" },
        { """{"prompt":"hi","model":""}""", "unknown_model", "model" },
        { """{"prompt":"hi","model":"gpt-4o"}""", "unknown_model", "model" },
        { """{"prompt":"hi","model":"Opus"}""", "unknown_model", "model" },
        { """{"prompt":"hi","model":"opus;id"}""", "unknown_model", "model" },
        { """{"prompt":"hi","model":"$(id)"}""", "unknown_model", "model" },
        { """{"prompt":"hi","model":"opus\u0000"}""", "unknown_model", "model" },
        { """{"prompt":"hi","model":"--dangerously-skip-permissions"}""", "unknown_model", "model" },
        { """{"prompt":"hi","model":"-p"}""", "unknown_model", "model" },
        { """{"prompt":"hi","output_format":"xml"}""", "invalid_request", "output_format" },
        { """{"prompt":"hi","output_format":"JSON"}""", "invalid_request", "output_format" },
        { """{"prompt":"hi","output_format":1}""", "invalid_request", "output_format" },
        { """{"prompt":"hi","tools":["Bash"]}""", "invalid_request", "tools" },
        { """{"prompt":"hi","Prompt":"hi"}""", "invalid_request", "Prompt" },
        { """{"prompt":"hi","prompt":"ho"}""", "invalid_request", "prompt" },
        { """{"prompt":"\ud800"}""", "invalid_request", "prompt" },
        { """{"prompt":"a\udc00b"}""", "invalid_request", "prompt" },
        { """{"prompt":"hi","system":"\ud83d"}""", "invalid_request", "system" },
    };

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>After each test the relay still answers.</summary>
    public async ValueTask DisposeAsync()
    {
        (await _relay.CompleteAsync(_key, new { prompt = "Are you there?" })).Text.Should().Be("Are you there?");
        await fixture.Relay.NobodySurvivesAsync();
    }

    [Theory(Timeout = 30_000)]
    [MemberData(nameof(WrongBodies))]
    public async Task A_wrong_body_is_told_with_the_field_at_fault(string body, string code, string? field)
    {
        var answer = await PostAsync(Encoding.UTF8.GetBytes(body));

        IsError(answer, 400, code, field);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_made_up_field_is_named_but_cut_and_without_what_a_terminal_would_obey()
    {
        var name = "evil\u001b[31m\u202e\u2028\u0007" + new string('x', 500);

        var answer = await _relay.CompleteAsync(_key, new Dictionary<string, string>(StringComparer.Ordinal) { ["prompt"] = "hi", [name] = "CANARY-value" });

        IsError(answer, 400, "invalid_request", field: null);
        var error = answer.Json.GetProperty("error");
        var shown = error.GetProperty("field").GetString()!;
        shown.Should().StartWith("evil").And.Match(text => text.Length <= 65);
        (shown + error.GetProperty("message").GetString()).Any(letter => char.IsControl(letter) || letter is '\u202e' or '\u2028').Should().BeFalse();
        answer.Body.Should().NotContain("CANARY");
    }

    [Fact(Timeout = 30_000)]
    public async Task Bytes_that_are_no_utf8_are_told_as_such()
    {
        byte[] body = [.. "{\"prompt\":\""u8, 0xC3, 0x28, 0xFF, .. "\"}"u8];

        var answer = await PostAsync(body);

        IsError(answer, 400, "invalid_request", "prompt");
        answer.Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("UTF-8").And.NotContain("surrogate");
    }

    [Fact(Timeout = 30_000)]
    public async Task Bytes_that_are_no_utf8_in_a_name_are_told_as_such()
    {
        byte[] body = [.. "{\"prompt\":\"hi\",\""u8, 0xFF, 0xFE, .. "\":1}"u8];

        (await PostAsync(body)).Status.Should().Be(400);
        (await PostAsync("""{"prompt":"hi","\ud800":1}"""u8.ToArray())).Status.Should().Be(400);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_byte_order_mark_is_not_in_the_way()
    {
        var answer = await PostAsync([0xEF, 0xBB, 0xBF, .. """{"prompt":"From a Windows editor."}"""u8]);

        answer.Status.Should().Be(200);
        answer.Text.Should().Be("From a Windows editor.");
    }

    [Fact(Timeout = 30_000)]
    public async Task Ten_thousand_levels_of_json_are_refused()
    {
        var body = "{\"prompt\":" + new string('[', 10_000) + new string(']', 10_000) + "}";
        IsError(await PostAsync(Encoding.UTF8.GetBytes(body)), 400, code: null, field: null);

        body = "{\"unknown\":" + string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) + "1" + new string('}', 10_001);
        IsError(await PostAsync(Encoding.UTF8.GetBytes(body)), 400, code: null, field: null);

        body = new string('[', 10_000);
        IsError(await PostAsync(Encoding.UTF8.GetBytes(body)), 400, "invalid_json", field: null);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_null_or_empty_optional_field_is_as_good_as_none()
    {
        var answer = await _relay.CompleteAsync(_key, """{"prompt":"hi","system":"","model":null,"output_format":null}""");

        answer.Text.Should().Be("hi");
    }

    [Fact(Timeout = 30_000)]
    public async Task Input_is_measured_in_bytes_and_too_much_of_it_is_told()
    {
        var whole = new string('ü', MaxInputBytes / 2);
        (await _relay.CompleteAsync(_key, new { prompt = whole })).Text.Should().Be(whole);

        IsError(await _relay.CompleteAsync(_key, new { prompt = whole + "a" }), 413, "too_large", "prompt");
        IsError(await _relay.CompleteAsync(_key, new { prompt = whole, system = "a" }), 413, "too_large", field: null);
    }

    [Theory(Timeout = 30_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_that_is_too_large_is_told(bool chunked)
    {
        using var request = Request(new ByteArrayContent(new byte[MaxBodyBytes + 1]) { Headers = { ContentType = Json } });
        request.Headers.TransferEncodingChunked = chunked;

        IsError(await _relay.SendAsync(request, null), 413, "too_large", field: null);
    }

    [Theory(Timeout = 60_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_sends_everything_before_it_reads_gets_to_read_that_it_was_too_much(bool chunked)
    {
        const int size = 30_000_000;
        var memory = TestMachine.MemoryOf(_relay.ProcessId, "VmHWM");
        await using var connection = await RawHttp.ConnectAsync(_relay);

        await connection.SendAsync(Head(chunked ? "Transfer-Encoding: chunked" : $"Content-Length: {size}"));
        var piece = new byte[100_000];
        for (var sent = 0; sent < size; sent += piece.Length)
        {
            await connection.SendAsync(chunked ? [.. Encoding.ASCII.GetBytes($"{piece.Length:x}\r\n"), .. piece, .. "\r\n"u8] : piece);
        }

        await connection.SendAsync(chunked ? "0\n\n" : string.Empty);
        var answer = await connection.ReadAsync();

        answer.Status.Should().Be(413);
        answer.ErrorCode.Should().Be("too_large");
        (TestMachine.MemoryOf(_relay.ProcessId, "VmHWM") - memory).Should().BeLessThan(15_000_000, "nothing of it is kept");
    }

    [Fact(Timeout = 30_000)]
    public async Task A_client_that_waits_to_be_let_send_is_let_or_told_at_once()
    {
        var body = Encoding.UTF8.GetBytes("""{"prompt":"Patient."}""");
        await using (var connection = await RawHttp.ConnectAsync(_relay))
        {
            await connection.SendAsync(Head($"Content-Length: {body.Length}", "Expect: 100-continue"));
            (await connection.ReadAsync()).Status.Should().Be(100);
            await connection.SendAsync(body);
            (await connection.ReadAsync()).Json.GetProperty("text").GetString().Should().Be("Patient.");
        }

        await using (var connection = await RawHttp.ConnectAsync(_relay))
        {
            await connection.SendAsync(Head($"Content-Length: {MaxBodyBytes + 1}", "Expect: 100-continue"));
            (await connection.ReadAsync()).Status.Should().Be(413);
        }
    }

    [Fact(Timeout = 30_000)]
    public async Task Half_a_body_is_no_request()
    {
        await using (var connection = await RawHttp.ConnectAsync(_relay))
        {
            await connection.SendAsync(Head("Content-Length: 100") + "{\"prompt\":");
            connection.EndInput();
        }

        await using (var connection = await RawHttp.ConnectAsync(_relay))
        {
            await connection.SendAsync(Head("Transfer-Encoding: chunked") + "zz\n{\"prompt\"\n0\n\n");
            (await connection.ReadAsync()).Status.Should().Be(400);
        }
    }

    [Theory(Timeout = 30_000)]
    [InlineData(null)]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json-patch+json")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json; charset=iso-8859-1")]
    [InlineData("nonsense")]
    public async Task Anything_but_json_in_utf8_is_unsupported(string? contentType)
    {
        var content = new ByteArrayContent("""{"prompt":"hi"}"""u8.ToArray());
        if (contentType is not null)
        {
            content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }

        using var request = Request(content);
        IsError(await _relay.SendAsync(request, null), 415, "unsupported_media_type", field: null);
    }

    [Theory(Timeout = 30_000)]
    [InlineData("application/json;charset=UTF-8")]
    [InlineData("APPLICATION/JSON; charset=\"utf-8\"")]
    public async Task Json_by_any_of_its_spellings_is_taken(string contentType)
    {
        var content = new ByteArrayContent("""{"prompt":"hi"}"""u8.ToArray());
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        using var request = Request(content);

        (await _relay.SendAsync(request, null)).Status.Should().Be(200);
    }

    [Theory(Timeout = 30_000)]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("gzip, identity")]
    public async Task A_compressed_body_is_unsupported(string encoding)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write("""{"prompt":"hi"}"""u8);
        }

        using var request = Request(new ByteArrayContent(packed.ToArray()) { Headers = { ContentType = Json } });
        request.Content!.Headers.TryAddWithoutValidation("Content-Encoding", encoding);

        IsError(await _relay.SendAsync(request, null), 415, "unsupported_media_type", field: null);
    }

    [Theory(Timeout = 30_000)]
    [InlineData("GET", "/v1/complete", "POST")]
    [InlineData("PUT", "/v1/complete", "POST")]
    [InlineData("DELETE", "/v1/complete", "POST")]
    [InlineData("PATCH", "/v1/complete", "POST")]
    [InlineData("OPTIONS", "/v1/complete", "POST")]
    [InlineData("TRACE", "/v1/complete", "POST")]
    [InlineData("MADEUP", "/v1/complete", "POST")]
    [InlineData("POST", "/v1/models", "GET")]
    [InlineData("POST", "/health", "GET")]
    public async Task A_wrong_method_is_told_with_the_right_one(string method, string path, string allowed)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _key);
        using var response = await _relay.Http.SendAsync(request, TestContext.Current.CancellationToken);

        IsError(new RelayAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), response.Headers), 405, "method_not_allowed", field: null);
        response.Content.Headers.Allow.Should().Equal(allowed);
    }

    [Theory(Timeout = 30_000)]
    [InlineData("/")]
    [InlineData("/v1")]
    [InlineData("/v1/complete/more")]
    [InlineData("/v1//complete")]
    [InlineData("/v1/%2e%2e/health/x")]
    [InlineData("/etc/passwd")]
    [InlineData("/index.html")]
    [InlineData("/v1/complete%00")]
    public async Task An_unknown_path_is_told(string path)
    {
        var answer = await RawHttp.ExchangeAsync(_relay, $"GET {path} HTTP/1.1\nHost: localhost\nAuthorization: Bearer {_key}\n\n");

        if (path.Contains("%00", StringComparison.Ordinal))
        {
            answer.Status.Should().BeOneOf(400, 404);
            return;
        }

        answer.Status.Should().Be(404);
        answer.ErrorCode.Should().Be("not_found");
        answer.Json.GetProperty("request_id").GetString().Should().Be(answer.Headers["X-Request-Id"]);
    }

    [Fact(Timeout = 30_000)]
    public async Task Head_answers_without_a_body()
    {
        await using var connection = await RawHttp.ConnectAsync(_relay);
        await connection.SendAsync("HEAD /health HTTP/1.1\nHost: localhost\nConnection: close\n\n");
        var answer = await connection.ReadAsync(hasBody: false);

        answer.Status.Should().BeOneOf(200, 405);
        answer.Headers.Should().ContainKey("X-Request-Id");
    }

    [Fact(Timeout = 30_000)]
    public async Task Http_1_0_is_answered_when_it_names_the_host()
    {
        var body = Encoding.UTF8.GetBytes("""{"prompt":"Old."}""");

        var answer = await RawHttp.ExchangeAsync(
            _relay, $"POST /v1/complete HTTP/1.0\nHost: localhost\nAuthorization: Bearer {_key}\nContent-Type: application/json\nContent-Length: {body.Length}\n\n", body);

        answer.Status.Should().Be(200);
        answer.Json.GetProperty("text").GetString().Should().Be("Old.");
        (await RawHttp.ExchangeAsync(_relay, "GET /health HTTP/1.0\n\n")).ErrorCode.Should().Be("wrong_host");
    }

    [Fact(Timeout = 30_000)]
    public async Task Huge_headers_are_refused()
    {
        var answer = await RawHttp.ExchangeAsync(_relay, $"GET /health HTTP/1.1\nHost: localhost\nX-Much: {new string('a', 60_000)}\n\n");

        answer.Status.Should().Be(431);
    }

    [Theory(Timeout = 30_000)]
    [InlineData("GET / HTTP/9.9\nHost: localhost\n\n")]
    [InlineData("nonsense\n\n")]
    [InlineData("GET /\u001b[31m HTTP/1.1\nHost: localhost\n\n")]
    [InlineData("POST /v1/complete HTTP/1.1\nHost: localhost\nContent-Length: 5\nContent-Length: 6\n\n")]
    [InlineData("POST /v1/complete HTTP/1.1\nHost: localhost\nContent-Length: -1\n\n")]
    [InlineData("POST /v1/complete HTTP/1.1\nHost: localhost\nContent-Length: 99999999999999999999\n\n")]
    [InlineData("POST /v1/complete HTTP/1.1\nHost: localhost\nTransfer-Encoding: gzip\n\n")]
    [InlineData("GET /health HTTP/1.1\n\n")]
    public async Task What_is_not_http_is_refused(string text)
    {
        var answer = await RawHttp.ExchangeAsync(_relay, text);

        answer.Status.Should().BeOneOf(400, 404, 411, 501, 505);
    }

    [Fact(Timeout = 30_000)]
    public async Task Every_way_not_to_have_a_key_gets_the_same_answer()
    {
        var revoked = await _relay.MintAsync("revoked");
        (await _relay.RelayctlAsync("keys", "revoke", "revoked")).ExitCode.Should().Be(0);
        await _relay.EventuallyAsync(async () => (await _relay.GetAsync("/v1/models", revoked)).Status == 401, "the key still works");
        var foreign = Domain.Keys.KeySecret.Generate().Reveal();
        string?[] headers =
        [
            null, "", "Bearer", "Bearer ", "Bearer x", "Basic dXNlcjpwYXNz", $"Basic {_key}", _key, $"Bearer {_key}x", $"Bearer {_key[..^1]}",
            $"Bearer {_key.ToUpperInvariant()}", $"Bearer {_key[..^1]}{(_key[^1] == 'A' ? 'B' : 'A')}", $"Bearer {foreign}", $"Bearer {revoked}",
            "Bearer " + new string('a', 5000), "Bearer sk-ant-api03-foreign", $"Bearer {_key} {_key}",
        ];

        var bodies = new HashSet<string>(StringComparer.Ordinal);
        foreach (var header in headers)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete") { Content = new StringContent("not even JSON") };
            request.Headers.TryAddWithoutValidation("Authorization", header);
            var answer = await _relay.SendAsync(request, null);

            IsError(answer, 401, "unauthorized", field: null);
            answer.Headers.WwwAuthenticate.ToString().Should().Be("Bearer");
            bodies.Add(answer.Body.Replace(answer.Json.GetProperty("request_id").GetString()!, "ID", StringComparison.Ordinal));
        }

        bodies.Should().ContainSingle("nobody learns which part was wrong");
    }

    [Fact(Timeout = 30_000)]
    public async Task Without_a_key_no_body_is_read()
    {
        await using var connection = await RawHttp.ConnectAsync(_relay);

        // Eight megabytes are announced, and none comes: whoever wanted them would wait.
        await connection.SendAsync("POST /v1/complete HTTP/1.1\nHost: localhost\nAuthorization: Bearer wrong\nContent-Type: application/json\nContent-Length: 8000000\n\n");

        (await connection.ReadAsync()).Status.Should().Be(401);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_key_may_also_come_as_x_api_key_beside_junk()
    {
        foreach (var junk in (string?[])[null, "Bearer placeholder", "Basic dXNlcjpwYXNz", "junk"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            request.Headers.TryAddWithoutValidation("x-api-key", _key);
            request.Headers.TryAddWithoutValidation("Authorization", junk);

            (await _relay.SendAsync(request, null)).Status.Should().Be(200);
        }

        using var other = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        other.Headers.TryAddWithoutValidation("x-api-key", "junk");
        other.Headers.TryAddWithoutValidation("Authorization", $"bearer  {_key}");
        (await _relay.SendAsync(other, null)).Status.Should().Be(200);
    }

    [Fact(Timeout = 30_000)]
    public async Task A_key_in_the_url_is_none()
    {
        (await _relay.GetAsync($"/v1/models?key={_key}&api_key={_key}&access_token={_key}")).Status.Should().Be(401);
    }

    [Fact(Timeout = 30_000)]
    public async Task Health_needs_no_key_and_says_nothing_else()
    {
        (await _relay.GetAsync("/health")).Body.Should().Be("""{"ok":true}""");
    }

    [Fact(Timeout = 600_000)]
    public async Task No_made_up_body_is_a_fault_of_the_relay()
    {
        const int seed = 4711;
        var random = new Random(seed);
        for (var round = 0; round < (TestMachine.RunsEverything ? 20_000 : 400); round++)
        {
            var body = random.Next(3) == 0 ? Noise(random) : Mutated(random);
            var answer = await PostAsync(body);

            var told = $"seed {seed}, round {round}: {Convert.ToBase64String(body)}";
            answer.Status.Should().BeLessThan(500, told);
            answer.Json.GetProperty("ok").GetBoolean().Should().Be(answer.Status == 200, told);
            if (answer.Status != 200)
            {
                IsError(answer, answer.Status, code: null, field: null);
            }
        }
    }

    private static byte[] Noise(Random random)
    {
        var bytes = new byte[random.Next(200)];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>JSON by a grammar that likes to be wrong, often with some bytes of it changed.</summary>
    private static byte[] Mutated(Random random)
    {
        string[] names = ["prompt", "system", "model", "output_format", "Prompt", "", "\\ud800", "$.prompt", "a.b", "a'b", "\\u0000", "x y", "[0]", "\u202e"];
        var members = Enumerable.Range(0, random.Next(5)).Select(_ => $"\"{names[random.Next(names.Length)]}\":{Value(random, 0)}");
        var bytes = Encoding.UTF8.GetBytes("{" + string.Join(',', members) + "}");
        if (random.Next(2) == 0)
        {
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }
        }

        return bytes;
    }

    private static string Value(Random random, int depth) => random.Next(depth > 4 ? 9 : 11) switch
    {
        0 => "null",
        1 => "true",
        2 => random.Next().ToString(CultureInfo.InvariantCulture),
        3 => "1e999999",
        4 => "-0",
        5 => "\"\\ud83d\"",
        6 => "\"opus\"",
        7 => "\"\\u0000\\u001b[31m\"",
        8 => "\"text\"",
        9 => $"[{Value(random, depth + 1)},{Value(random, depth + 1)}]",
        _ => $"{{\"prompt\":{Value(random, depth + 1)}}}",
    };

    private static void IsError(RelayAnswer answer, int status, string? code, string? field)
    {
        answer.Status.Should().Be(status, answer.Body);
        answer.Json.ValueKind.Should().Be(JsonValueKind.Object);
        answer.Json.EnumerateObject().Select(member => member.Name).Should().Equal("ok", "error", "request_id");
        answer.Json.GetProperty("ok").GetBoolean().Should().BeFalse();
        answer.Json.GetProperty("request_id").GetString().Should().Be(answer.Headers.GetValues("X-Request-Id").Single()).And.MatchRegex("^req_[0-9a-f]{24}$");
        answer.Json.GetProperty("error").GetProperty("message").GetString().Should().NotBeNullOrEmpty().And.NotContain("System.").And.NotContain("Relay.Api");
        if (code is not null)
        {
            answer.ErrorCode.Should().Be(code, answer.Body);
        }

        if (field is not null)
        {
            answer.Json.GetProperty("error").GetProperty("field").GetString().Should().Be(field);
            answer.Json.GetProperty("error").GetProperty("message").GetString().Should().ContainEquivalentOf(field);
        }
    }

    private string Head(params string[] headers) =>
        $"POST /v1/complete HTTP/1.1\nHost: localhost\nAuthorization: Bearer {_key}\nContent-Type: application/json\n{string.Join('\n', headers)}\n\n";

    private HttpRequestMessage Request(HttpContent content) => new(HttpMethod.Post, "/v1/complete")
    {
        Content = content,
        Version = HttpVersion.Version11,
        Headers = { Authorization = new AuthenticationHeaderValue("Bearer", _key) },
    };

    private async Task<RelayAnswer> PostAsync(byte[] body)
    {
        using var request = Request(new ByteArrayContent(body) { Headers = { ContentType = Json } });
        return await _relay.SendAsync(request, null);
    }

    public sealed class Fixture() : FakeRelayFixture(
        ("MAX_INPUT_BYTES", "20000"), ("MAX_BODY_BYTES", "100000"), ("PER_KEY_DAILY", "10000000"), ("GLOBAL_DAILY", "10000000"))
    {
        /// <inheritdoc/>
        protected override FakeScript Script => new() { EchoPrompt = true };
    }
}
