using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Processes;

namespace Relay.UnitTests.Infrastructure.ApiGate;

public sealed class ApiCredentialsTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly LogLines<ApiCredentials> _log = new();
    private readonly OrphanGuard _guard = new(NullLogger<OrphanGuard>.Instance);
    private readonly ProcessStarter _starter;

    public ApiCredentialsTests()
    {
        _starter = new ProcessStarter(_guard, NullLogger<ProcessStarter>.Instance, TimeProvider.System);
        Directory.CreateDirectory(_home.Home.ClaudeDirectory);
    }

    public void Dispose()
    {
        _starter.Dispose();
        _guard.Dispose();
        _home.Dispose();
    }

    [Theory]
    [InlineData(ClaudeAuth.ApiKey, "x-api-key", "the-key")]
    [InlineData(ClaudeAuth.OauthToken, "Authorization", "Bearer the-token")]
    public async Task A_key_and_a_token_come_from_the_settings(ClaudeAuth auth, string name, string value)
    {
        using var credentials = Credentials(
            new ClaudeCodeOptions
            {
                Auth = auth,
                ApiKey = "the-key",
                OAuthToken = "the-token",
            }
        );

        (await credentials.GetHeaderAsync(Waiting.Token)).Should().Be(KeyValuePair.Create(name, value));
        credentials.IsPresent.Should().BeTrue();
    }

    [Fact]
    public async Task A_login_comes_from_its_file_and_a_new_one_is_noticed()
    {
        using var credentials = Credentials(new ClaudeCodeOptions());
        (await credentials.GetHeaderAsync(Waiting.Token)).Should().BeNull();
        credentials.IsPresent.Should().BeFalse();

        LogIn("first", TimeSpan.FromHours(1));
        (await credentials.GetHeaderAsync(Waiting.Token))!.Value.Value.Should().Be("Bearer first");

        LogIn("second", TimeSpan.FromHours(1), changedAt: Any.Time.UtcDateTime.AddMinutes(1));
        (await credentials.GetHeaderAsync(Waiting.Token))!.Value.Value.Should().Be("Bearer second");
    }

    [Fact]
    public async Task A_login_that_is_about_to_end_and_can_not_be_renewed_serves_to_its_end_and_is_told_once()
    {
        using var credentials = Credentials(new ClaudeCodeOptions { ClaudeBin = "/nonexistent" });
        LogIn("old", TimeSpan.FromMinutes(2));

        (await credentials.GetHeaderAsync(Waiting.Token))!.Value.Value.Should().Be("Bearer old");
        _clock.Advance(TimeSpan.FromMinutes(3));
        (await credentials.GetHeaderAsync(Waiting.Token)).Should().BeNull("it has ended");

        _log.Lines.Should().ContainSingle().Which.Should().Contain("could not be renewed").And.NotContain("old");
    }

    private void LogIn(string token, TimeSpan lasts, DateTime? changedAt = null)
    {
        var path = Path.Combine(_home.Home.ClaudeDirectory, ".credentials.json");
        File.WriteAllText(
            path,
            $$$"""{"claudeAiOauth":{"accessToken":"{{{token}}}","refreshToken":"r","expiresAt":{{{(_clock.GetUtcNow() + lasts).ToUnixTimeMilliseconds()}}}}}"""
        );
        File.SetLastWriteTimeUtc(path, changedAt ?? Any.Time.UtcDateTime);
    }

    private ApiCredentials Credentials(ClaudeCodeOptions given)
    {
        var (options, configuration) = (Options.Create(given), new ConfigurationBuilder().Build());
        var login = new LoginFile(new ClaudeEnvironment(options, Options.Create(new CompletionOptions()), configuration, _home.Home));
        var renewal = new LoginRenewal(
            new ClaudeLocator(options),
            login,
            new LoginStatusReader(_starter, TimeProvider.System),
            _home.Home,
            options,
            configuration
        );
        return new ApiCredentials(options, login, renewal, _clock, _log);
    }
}
