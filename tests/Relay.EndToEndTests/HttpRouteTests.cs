using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Relay.EndToEndTests;

/// <summary>Methods, paths and heads that lead nowhere are told so, in the same shape as every other failure.</summary>
[Fast]
public sealed class HttpRouteTests(EchoRelay fixture) : IClassFixture<EchoRelay>, IAsyncLifetime
{
    private readonly RelayProgram _relay = fixture.Relay.Program;
    private readonly string _key = fixture.Relay.Key;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await fixture.ShouldStillAnswerAsync();

    [Theory(Timeout = 120_000)]
    [InlineData("/v1/models", null, "ok default models object data")]
    [InlineData("/v1/models", "2023-06-01", "data has_more first_id last_id")]
    [InlineData("/v1/models/claude-opus-4-5", null, "id object created owned_by")]
    [InlineData("/v1/models/claude-opus-4-5", "2023-06-01", "type id display_name created_at")]
    public async Task The_models_have_the_shape_of_the_SDK_that_asks(string path, string? version, string names)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("x-api-key", _key);
        request.Headers.Add("anthropic-version", version is null ? [] : [version]);
        using var response = await _relay.Http.SendAsync(request, TestContext.Current.CancellationToken);

        var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        answer.EnumerateObject().Select(property => property.Name).Should().Equal(names.Split(' '));
        if (answer.TryGetProperty("data", out var data))
        {
            data.EnumerateArray().Select(model => model.GetProperty("id").GetString()).Should().Contain(["opus", "claude-opus-5-5"]);
        }
    }

    [Theory(Timeout = 120_000)]
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

        ErrorAnswer.Check(
            new RelayAnswer(
                (int)response.StatusCode,
                await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
                response.Headers
            ),
            405,
            "method_not_allowed",
            field: null
        );
        response.Content.Headers.Allow.Should().Equal(allowed);
    }

    [Theory(Timeout = 120_000)]
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

    [Fact(Timeout = 120_000)]
    public async Task Head_answers_without_a_body()
    {
        await using var connection = await RawHttp.ConnectAsync(_relay);
        await connection.SendAsync("HEAD /health HTTP/1.1\nHost: localhost\nConnection: close\n\n");
        var answer = await connection.ReadAsync(hasBody: false);

        answer.Status.Should().BeOneOf(200, 405);
        answer.Headers.Should().ContainKey("X-Request-Id");
    }

    [Fact(Timeout = 120_000)]
    public async Task Http_1_0_is_answered_when_it_names_the_host()
    {
        var body = Encoding.UTF8.GetBytes("""{"prompt":"Old."}""");

        var answer = await RawHttp.ExchangeAsync(
            _relay,
            $"POST /v1/complete HTTP/1.0\nHost: localhost\nAuthorization: Bearer {_key}\nContent-Type: "
                + $"application/json\nContent-Length: {body.Length}\n\n",
            body
        );

        answer.Status.Should().Be(200);
        answer.Json.GetProperty("text").GetString().Should().Be("Old.");
        (await RawHttp.ExchangeAsync(_relay, "GET /health HTTP/1.0\n\n")).ErrorCode.Should().Be("wrong_host");
    }

    [Fact(Timeout = 120_000)]
    public async Task Huge_headers_are_refused()
    {
        var answer = await RawHttp.ExchangeAsync(_relay, $"GET /health HTTP/1.1\nHost: localhost\nX-Much: {new string('a', 60_000)}\n\n");

        answer.Status.Should().Be(431);
    }

    [Theory(Timeout = 120_000)]
    [InlineData("GET / HTTP/9.9\nHost: localhost\n\n")]
    [InlineData("nonsense\n\n")]
    [InlineData("GET /\u001b[31m HTTP/1.1\nHost: localhost\n\n")]
    [InlineData("POST /v1/complete HTTP/1.1\nHost: localhost\nContent-Length: 5\nContent-Length: 6\n\n")]
    [InlineData("POST /v1/complete HTTP/1.1\nHost: localhost\nContent-Length: -1\n\n")]
    [InlineData("POST /v1/complete HTTP/1.1\nHost: localhost\nContent-Length: 99999999999999999999\n\n")]
    [InlineData("POST /v1/complete HTTP/1.1\nHost: localhost\nTransfer-Encoding: gzip\n\n")]
    [InlineData("GET /health HTTP/1.1\n\n")]
    public async Task Bytes_that_are_not_HTTP_are_refused(string text)
    {
        var answer = await RawHttp.ExchangeAsync(_relay, text);

        answer.Status.Should().BeOneOf(400, 404, 411, 501, 505);
    }
}
