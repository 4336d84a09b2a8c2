namespace Relay.EndToEndTests;

/// <summary>Only a good key opens the door, and nobody learns why another does not.</summary>
[Fast]
public sealed class AuthenticationTests(EchoRelay fixture) : IClassFixture<EchoRelay>, IAsyncLifetime
{
    private readonly RelayProgram _relay = fixture.Relay.Program;
    private readonly string _key = fixture.Relay.Key;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await fixture.ShouldStillAnswerAsync();

    [Fact(Timeout = 120_000)]
    public async Task Every_way_not_to_have_a_key_gets_the_same_answer()
    {
        var revoked = await _relay.MintAsync("revoked");
        (await _relay.RelayctlAsync("keys", "revoke", "revoked")).ExitCode.Should().Be(0);
        await _relay.EventuallyAsync(async () => (await _relay.GetAsync("/v1/models", revoked)).Status == 401, "the key still works");
        var (code, expired, error) = await _relay.RelayctlAsync("keys", "add", "expired", "--expires", "4s");
        code.Should().Be(0, error);
        await _relay.EventuallyAsync(
            async () => (await _relay.GetAsync("/v1/models", expired.Trim())).Status == 200,
            "the relay does not know the key"
        );
        await _relay.EventuallyAsync(
            async () => (await _relay.GetAsync("/v1/models", expired.Trim())).Status == 401,
            "the key never expires"
        );
        var foreign = Domain.Keys.KeySecret.Generate().Reveal();
        string?[] headers =
        [
            null,
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            "Basic dXNlcjpwYXNz",
            $"Basic {_key}",
            _key,
            $"Bearer {_key}x",
            $"Bearer {_key[..^1]}",
            $"Bearer {_key.ToUpperInvariant()}",
            $"Bearer {_key[..^1]}{(_key[^1] == 'A' ? 'B' : 'A')}",
            $"Bearer {foreign}",
            $"Bearer {revoked}",
            $"Bearer {expired.Trim()}",
            "Bearer " + new string('a', 5000),
            "Bearer sk-ant-api03-foreign",
            $"Bearer {_key} {_key}",
        ];

        var bodies = new HashSet<string>(StringComparer.Ordinal);
        foreach (var header in headers)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/complete") { Content = new StringContent("not even JSON") };
            request.Headers.TryAddWithoutValidation("Authorization", header);
            var answer = await _relay.SendAsync(request, null);

            ErrorAnswer.Check(answer, 401, "unauthorized", field: null);
            answer.Headers.WwwAuthenticate.ToString().Should().Be("Bearer");
            bodies.Add(answer.Body.Replace(answer.Json.GetProperty("request_id").GetString()!, "ID", StringComparison.Ordinal));
        }

        bodies.Should().ContainSingle("nobody learns which part was wrong");
    }

    [Fact(Timeout = 120_000)]
    public async Task Without_a_key_no_body_is_read()
    {
        await using var connection = await RawHttp.ConnectAsync(_relay);

        // Eight megabytes are announced, and none comes: a server that wanted them would wait.
        await connection.SendAsync(
            "POST /v1/complete HTTP/1.1\nHost: localhost\nAuthorization: Bearer wrong\nContent-Type: application/json\nContent-Length: "
                + "8000000\n\n"
        );

        (await connection.ReadAsync()).Status.Should().Be(401);
    }

    [Fact(Timeout = 120_000)]
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

    [Fact(Timeout = 120_000)]
    public async Task A_key_in_the_url_is_none()
    {
        (await _relay.GetAsync($"/v1/models?key={_key}&api_key={_key}&access_token={_key}")).Status.Should().Be(401);
    }

    [Fact(Timeout = 120_000)]
    public async Task Health_needs_no_key_and_says_nothing_else()
    {
        (await _relay.GetAsync("/health")).Body.Should().Be("""{"ok":true}""");
    }

    [Fact(Timeout = 120_000)]
    public async Task Nothing_is_granted_for_coming_from_loopback()
    {
        foreach (
            var header in (string[])
                ["X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Forwarded-Host: localhost"]
        )
        {
            (await RawHttp.ExchangeAsync(_relay, $"GET /v1/usage HTTP/1.1\nHost: localhost\n{header}\n\n")).Status.Should().Be(401);
        }
    }

    [Theory(Timeout = 120_000)]
    [InlineData("Authorization: Bearer junk\nx-api-key: KEY", 200)]
    [InlineData("Authorization: Bearer KEY\nx-api-key: junk", 200)]
    [InlineData("Authorization: Basic dXNlcjpwYXNz\nx-api-key: KEY", 200)]
    [InlineData("Authorization: bearer KEY", 200)]
    [InlineData("x-api-key: junk\nx-api-key: KEY", 200)]
    [InlineData("Authorization: KEY", 401)]
    [InlineData("Authorization: Bearer KEYx", 401)]
    [InlineData("Authorization: Bearer kEY", 401)]
    [InlineData("Cookie: key=KEY", 401)]
    public async Task A_good_key_in_either_header_opens_the_door(string headers, int status)
    {
        var sent = headers.Replace("KEY", _key, StringComparison.Ordinal).Replace("kEY", _key.ToUpperInvariant(), StringComparison.Ordinal);

        (await RawHttp.ExchangeAsync(_relay, $"GET /v1/models HTTP/1.1\nHost: localhost\n{sent}\n\n")).Status.Should().Be(status);
    }
}
