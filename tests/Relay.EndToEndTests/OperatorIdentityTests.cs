using System.Text;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// Nothing of the account behind the relay reaches the model, wherever Claude Code could take it from: its configuration files, the
/// account's profile at Anthropic, the answer to a renewed token. The login stays usable, and one renewal of its token reaches all.
/// </summary>
public sealed class OperatorIdentityTests : IAsyncLifetime
{
    private const string PlantedAddress = "operator@planted.example";
    private const string PlantedId = "0b7e1ad2-1111-4a57-8a3c-2f9a7c1d5e01";

    private readonly PlantedHome _home = new();
    private readonly AnthropicAccounts _accounts = new();

    private Simulator _api = null!;

    public async ValueTask InitializeAsync() => _api = await Simulator.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _accounts.DisposeAsync();
        _home.Dispose();
        await _api.DisposeAsync();
    }

    [OnlyWithAll]
    [Theory]
    [InlineData("bwrap", false)]
    [InlineData("bwrap", true)]
    [InlineData("off", false)]
    [InlineData("off", true)]
    public async Task The_accounts_address_and_id_stay_out_of_prompts_and_a_renewed_token_is_kept(string sandbox, bool hasExpired)
    {
        _home.PlantAccounts(PlantedAddress, PlantedId);
        _home.LogIn(hasExpired);
        await using (
            var relay = await RelayProgram.StartAsync([
                ("HOME", _home.Path),
                ("CLAUDE_AUTH", "login"),
                ("CLAUDE_BIN", TestMachine.RealClaude),
                ("CLAUDE_BASE_URL", _api.BaseAddress.ToString()),
                ("SANDBOX", sandbox),
                ("WARM_PROCESSES", "1"),
                .. _accounts.Settings,
            ])
        )
        {
            var key = await relay.MintAsync("app");
            await AskThriceAsync(relay, key);
        }

        AssertAnonymous();
        _accounts.Asked.Count(line => line.Contains("/oauth/token", StringComparison.Ordinal)).Should().Be(hasExpired ? 1 : 0);
        File.ReadAllText(_home.Credentials).Should().Contain(_accounts.AccessToken, "the login is where it was, with its newest token");
        _api.Requests[^1].Headers["Authorization"].Should().Be($"Bearer {_accounts.AccessToken}");
    }

    [Theory, MemberData(nameof(RelayPerSandbox.JailedUnlessAll), MemberType = typeof(RelayPerSandbox))]
    public async Task The_address_in_a_profile_alone_stays_out_of_prompts(string sandbox)
    {
        _home.LogIn();
        await using var relay = await RelayProgram.StartAsync([
            ("HOME", _home.Path),
            ("CLAUDE_AUTH", "login"),
            ("CLAUDE_BIN", TestMachine.RealClaude),
            ("CLAUDE_BASE_URL", _api.BaseAddress.ToString()),
            ("SANDBOX", sandbox),
            ("WARM_PROCESSES", "1"),
            .. _accounts.Settings,
        ]);

        await AskThriceAsync(relay, await relay.MintAsync("app"));

        AssertAnonymous();
    }

    /// <summary>The first may be served by a blank process, the last by one that is prepared.</summary>
    private static async Task AskThriceAsync(RelayProgram relay, string key)
    {
        foreach (var prompt in (string[])["my address?", "and my id?", "once more?"])
        {
            (await relay.CompleteAsync(key, new { prompt, system = "Be brief." })).Status.Should().Be(200);
        }
    }

    private void AssertAnonymous()
    {
        _api.Requests.Count.Should().Be(3);
        var sent = _api
            .Requests.Select(request => Encoding.UTF8.GetString(request.Body) + string.Join('\n', request.Headers.Values))
            .ToList();
        sent.Should()
            .OnlyContain(request =>
                !request.Contains("operator@", StringComparison.OrdinalIgnoreCase)
                && !request.Contains("userEmail", StringComparison.Ordinal)
            );
        sent.Should()
            .OnlyContain(request =>
                !request.Contains(PlantedId, StringComparison.OrdinalIgnoreCase)
                && !request.Contains(AnthropicAccounts.AccountId, StringComparison.OrdinalIgnoreCase)
            );
        _api.Requests.Should().OnlyContain(request => request.UserTexts.Count == 1);
    }
}
