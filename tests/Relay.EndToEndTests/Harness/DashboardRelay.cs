using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Relay.FakeClaude;

namespace Relay.EndToEndTests.Harness;

/// <summary>Classes that share a dashboard, one after the other.</summary>
[CollectionDefinition(nameof(DashboardRelay))]
public sealed class DashboardRelayTests : ICollectionFixture<DashboardRelay>;

/// <summary>A relay with an admin key, whose answers are the prompts.</summary>
public sealed class DashboardRelay : IAsyncLifetime
{
    // It keeps no cookies: each test says what it sends.
    private readonly HttpClient _http = new(new DescribedAnswers(new SocketsHttpHandler { UseCookies = false }));

    internal FakeRelay Relay { get; private set; } = null!;

    internal RelayProgram Program => Relay.Program;

    /// <summary>The secret of the key <c>ops</c>.</summary>
    internal string AdminKey { get; private set; } = null!;

    /// <summary>The page's origin, as a browser would say it.</summary>
    internal string Origin => Program.Http.BaseAddress!.GetLeftPart(UriPartial.Authority);

    public async ValueTask InitializeAsync()
    {
        Relay = await FakeRelay.StartAsync(
            new FakeScript { EchoPrompt = true, CostUsd = 0.25m },
            ("GLOBAL_CONCURRENCY", "1"),
            ("PER_KEY_RPM", "500"),
            ("QUEUE_TIMEOUT", "5m"),
            ("IDLE_TIMEOUT", "5m"),
            ("REQ_TIMEOUT", "5m")
        );
        AdminKey = await MintAsync("ops", "--scope", "admin,complete,usage");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Relay.DisposeAsync();
    }

    /// <summary>Mints a key with the operator's own command, and waits until the relay knows it.</summary>
    internal Task<string> MintAsync(string label, params string[] options) => Program.MintAsync(label, options);

    /// <summary>Signs in as a browser does; the cookie and the proof as they are sent back.</summary>
    internal async Task<DashboardSession> SignInAsync(string? key = null)
    {
        using var answer = await SendAsync(
            HttpMethod.Post,
            "session",
            null,
            null,
            ("Authorization", $"Bearer {key ?? AdminKey}"),
            ("Origin", Origin)
        );
        var read = await ReadAsync(answer);
        answer.StatusCode.Should().Be(HttpStatusCode.OK, read.Body);
        return new DashboardSession(
            answer.Headers.GetValues("Set-Cookie").Single().Split(';')[0],
            read.Json.TryGetProperty("proof", out var proof) ? proof.GetString() : null
        );
    }

    /// <summary>As the page asks: with its cookie and its proof, and from its own origin.</summary>
    internal async Task<RelayAnswer> AskAsync(HttpMethod method, string path, DashboardSession session, object? body = null)
    {
        using var answer = await SendAsync(method, path, session, body, ("Origin", Origin), ("Sec-Fetch-Site", "same-origin"));
        return await ReadAsync(answer);
    }

    /// <summary>Any request to the dashboard.</summary>
    internal async Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        string path,
        DashboardSession? session,
        object? body,
        params (string Name, string Value)[] headers
    )
    {
        using var request = new HttpRequestMessage(
            method,
            new Uri(Program.Http.BaseAddress!, $"/dashboard{(path.Length == 0 ? string.Empty : "/")}{path}")
        );
        request.Content = body switch
        {
            null => null,
            string text => new StringContent(text),
            _ => JsonContent.Create(body),
        };
        foreach (
            var (name, value) in session is null
                ? headers
                :
                [
                    .. headers,
                    ("Cookie", session.Cookie),
                    .. session.Proof is { } proof ? [("X-Dashboard-Proof", proof)] : Array.Empty<(string, string)>(),
                ]
        )
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    internal static async Task<RelayAnswer> ReadAsync(HttpResponseMessage answer) =>
        new((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), answer.Headers);

    /// <summary>The data that the page shows.</summary>
    internal async Task<JsonElement> SnapshotAsync(DashboardSession session) => (await AskAsync(HttpMethod.Get, "snapshot", session)).Json;

    /// <summary>A key of the snapshot.</summary>
    internal static JsonElement KeyOf(JsonElement snapshot, string label) =>
        snapshot.GetProperty("keys").EnumerateArray().Single(key => key.GetProperty("key").GetProperty("label").GetString() == label);
}

/// <summary>The two halves of a session. Only both together open the dashboard's routes.</summary>
/// <param name="Cookie">As it is sent back.</param>
/// <param name="Proof">From the answer's body; null for none.</param>
internal sealed record DashboardSession(string Cookie, string? Proof);
