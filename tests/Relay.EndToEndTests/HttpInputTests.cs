using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Any body gets a clear JSON error that names the mistake, and nothing is lost.</summary>
[Fast]
public sealed class HttpInputTests(HttpInputTests.Fixture fixture) : IClassFixture<HttpInputTests.Fixture>, IAsyncLifetime
{
    private const int MaxInputBytes = 20_000;
    private const int MaxBodyBytes = 100_000;

    private static readonly MediaTypeHeaderValue Json = new("application/json");

    private readonly RelayProgram _relay = fixture.Relay.Program;
    private readonly string _key = fixture.Relay.Key;

    /// <summary>Bodies, and the code and field of the answer.</summary>
    public static TheoryData<string, string, string?> WrongBodies =>
        new()
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
            { """{"prompt":"hi","tools":["Bash"]}""", "invalid_request", "tools[0]" },
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

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(WrongBodies))]
    public async Task A_wrong_body_is_told_with_the_field_at_fault(string body, string code, string? field)
    {
        var answer = await PostAsync(Encoding.UTF8.GetBytes(body));

        ErrorAnswer.Check(answer, 400, code, field);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_made_up_field_is_named_but_cut_and_without_what_a_terminal_would_obey()
    {
        var name = "evil\u001b[31m\u202e\u2028\u0007" + new string('x', 500);

        var answer = await _relay.CompleteAsync(
            _key,
            new Dictionary<string, string>(StringComparer.Ordinal) { ["prompt"] = "hi", [name] = "CANARY-value" }
        );

        ErrorAnswer.Check(answer, 400, "invalid_request", field: null);
        var error = answer.Json.GetProperty("error");
        var shown = error.GetProperty("field").GetString()!;
        shown.Should().StartWith("evil").And.Match(text => text.Length <= 65);
        (shown + error.GetProperty("message").GetString())
            .Any(letter => char.IsControl(letter) || letter is '\u202e' or '\u2028')
            .Should()
            .BeFalse();
        answer.Body.Should().NotContain("CANARY");
    }

    [Fact(Timeout = 120_000)]
    public async Task Bytes_that_are_no_utf8_are_told_as_such()
    {
        byte[] body = [.. "{\"prompt\":\""u8, 0xC3, 0x28, 0xFF, .. "\"}"u8];

        var answer = await PostAsync(body);

        ErrorAnswer.Check(answer, 400, "invalid_request", "prompt");
        answer.Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("UTF-8").And.NotContain("surrogate");
    }

    [Fact(Timeout = 120_000)]
    public async Task Bytes_that_are_no_utf8_in_a_name_are_told_as_such()
    {
        byte[] body = [.. "{\"prompt\":\"hi\",\""u8, 0xFF, 0xFE, .. "\":1}"u8];

        (await PostAsync(body)).Status.Should().Be(400);
        (await PostAsync("""{"prompt":"hi","\ud800":1}"""u8.ToArray())).Status.Should().Be(400);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_byte_order_mark_is_not_in_the_way()
    {
        var answer = await PostAsync([0xEF, 0xBB, 0xBF, .. """{"prompt":"From a Windows editor."}"""u8]);

        answer.Status.Should().Be(200);
        answer.Text.Should().Be("From a Windows editor.");
    }

    [Fact(Timeout = 120_000)]
    public async Task Ten_thousand_levels_of_json_are_refused()
    {
        var body = "{\"prompt\":" + new string('[', 10_000) + new string(']', 10_000) + "}";
        ErrorAnswer.Check(await PostAsync(Encoding.UTF8.GetBytes(body)), 400, code: null, field: null);

        body = "{\"unknown\":" + string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) + "1" + new string('}', 10_001);
        ErrorAnswer.Check(await PostAsync(Encoding.UTF8.GetBytes(body)), 400, code: null, field: null);

        body = new string('[', 10_000);
        ErrorAnswer.Check(await PostAsync(Encoding.UTF8.GetBytes(body)), 400, "invalid_json", field: null);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_null_or_empty_optional_field_is_as_good_as_none()
    {
        var answer = await _relay.CompleteAsync(_key, """{"prompt":"hi","system":"","model":null,"output_format":null}""");

        answer.Text.Should().Be("hi");
    }

    [Fact(Timeout = 120_000)]
    public async Task Input_is_measured_in_bytes_and_too_much_of_it_is_told()
    {
        var whole = new string('ü', MaxInputBytes / 2);
        (await _relay.CompleteAsync(_key, new { prompt = whole })).Text.Should().Be(whole);

        ErrorAnswer.Check(await _relay.CompleteAsync(_key, new { prompt = whole + "a" }), 413, "too_large", "prompt");
        ErrorAnswer.Check(await _relay.CompleteAsync(_key, new { prompt = whole, system = "a" }), 413, "too_large", field: null);
    }

    [Theory(Timeout = 120_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_that_is_too_large_is_told(bool chunked)
    {
        using var request = Request(new ByteArrayContent(new byte[MaxBodyBytes + 1]) { Headers = { ContentType = Json } });
        request.Headers.TransferEncodingChunked = chunked;

        ErrorAnswer.Check(await _relay.SendAsync(request, null), 413, "too_large", field: null);
    }

    [Theory(Timeout = 180_000)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_sends_everything_before_it_reads_gets_to_read_that_it_was_too_much(bool chunked)
    {
        // More than two sockets hold, and no more than a busy machine reads within the 5 s of Kestrel's patience.
        const int size = 15_000_000;
        var memory = TestMachine.MemoryOf(_relay.ProcessId, "VmHWM");
        await using var connection = await RawHttp.ConnectAsync(_relay);

        await connection.SendAsync(Head(chunked ? "Transfer-Encoding: chunked" : $"Content-Length: {size}"));
        var piece = new byte[1_000_000];
        for (var sent = 0; sent < size; sent += piece.Length)
        {
            await connection.SendAsync(chunked ? [.. Encoding.ASCII.GetBytes($"{piece.Length:x}\r\n"), .. piece, .. "\r\n"u8] : piece);
        }

        await connection.SendAsync(chunked ? "0\n\n" : string.Empty);
        var answer = await connection.ReadAsync();

        answer.Status.Should().Be(413);
        answer.ErrorCode.Should().Be("too_large");
        (TestMachine.MemoryOf(_relay.ProcessId, "VmHWM") - memory).Should().BeLessThan(12_000_000, "nothing of it is kept");
    }

    [Fact(Timeout = 120_000)]
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

    [Fact(Timeout = 120_000)]
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

    [Theory(Timeout = 120_000)]
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
        ErrorAnswer.Check(await _relay.SendAsync(request, null), 415, "unsupported_media_type", field: null);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("application/json;charset=UTF-8")]
    [InlineData("APPLICATION/JSON; charset=\"utf-8\"")]
    public async Task Json_by_any_of_its_spellings_is_taken(string contentType)
    {
        var content = new ByteArrayContent("""{"prompt":"hi"}"""u8.ToArray());
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        using var request = Request(content);

        (await _relay.SendAsync(request, null)).Status.Should().Be(200);
    }

    [Theory(Timeout = 120_000)]
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

        ErrorAnswer.Check(await _relay.SendAsync(request, null), 415, "unsupported_media_type", field: null);
    }

    [Fact(Timeout = 600_000)]
    public async Task No_made_up_body_is_a_fault_of_the_relay()
    {
        const int seed = 4711;
        var random = new Random(seed);
        for (var round = 0; round < (Extent.IsLong ? 20_000 : 400); round++)
        {
            var body = random.Next(3) == 0 ? Noise(random) : Mutated(random);
            var answer = await PostAsync(body);

            var told = $"seed {seed}, round {round}: {Convert.ToBase64String(body)}";
            answer.Status.Should().BeLessThan(500, told);
            answer.Json.GetProperty("ok").GetBoolean().Should().Be(answer.Status == 200, told);
            if (answer.Status != 200)
            {
                ErrorAnswer.Check(answer, answer.Status, code: null, field: null);
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
        string[] names =
        [
            "prompt",
            "system",
            "model",
            "output_format",
            "Prompt",
            "",
            "\\ud800",
            "$.prompt",
            "a.b",
            "a'b",
            "\\u0000",
            "x y",
            "[0]",
            "\u202e",
        ];
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

    private static string Value(Random random, int depth) =>
        random.Next(depth > 4 ? 9 : 11) switch
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

    private string Head(params string[] headers) =>
        $"POST /v1/complete HTTP/1.1\nHost: localhost\nAuthorization: Bearer {_key}\nContent-Type: "
        + $"application/json\n{string.Join('\n', headers)}\n\n";

    private HttpRequestMessage Request(HttpContent content) =>
        new(HttpMethod.Post, "/v1/complete")
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

    public sealed class Fixture()
        : FakeRelayFixture(
            ("MAX_INPUT_BYTES", "20000"),
            ("MAX_BODY_BYTES", "100000"),
            ("PER_KEY_DAILY", "10000000"),
            ("GLOBAL_DAILY", "10000000")
        )
    {
        /// <inheritdoc/>
        protected override FakeScript Script => new() { EchoPrompt = true };
    }
}
