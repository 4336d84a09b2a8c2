using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Completions;
using Relay.Domain;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

public sealed class LoginHealthTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly LoginHealth _login;

    public LoginHealthTests()
    {
        Directory.CreateDirectory(_home.Home.ClaudeDirectory);
        var environment = new ClaudeEnvironment(
            Options.Create(new ClaudeCodeOptions()),
            Options.Create(new CompletionOptions()),
            new ConfigurationBuilder().Build(),
            _home.Home
        );
        _login = new LoginHealth(new LoginFile(environment), _clock, NullLogger<LoginHealth>.Instance);
    }

    private string Credentials => Path.Combine(_home.Home.ClaudeDirectory, ".credentials.json");

    public void Dispose() => _home.Dispose();

    [Fact]
    public void A_refusal_is_a_problem_until_a_completion_succeeds()
    {
        _login.Problem.Should().BeNull();

        _login.Refused();
        _login.Problem!.Code.Should().Be(ErrorCode.NotLoggedIn);

        _login.Accepted();
        _login.Problem.Should().BeNull();
    }

    [Fact]
    public void A_refusal_of_long_ago_is_tried_again()
    {
        _login.Refused();

        _clock.Advance(TimeSpan.FromSeconds(61));

        _login.Problem.Should().BeNull();
    }

    [Fact]
    public void Another_login_is_tried_at_once()
    {
        File.WriteAllText(Credentials, "{}");
        _login.Refused();

        File.SetLastWriteTimeUtc(Credentials, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        _login.Problem.Should().BeNull();
    }

    [Theory]
    [InlineData("""{"claudeAiOauth":{"expiresAt":1767225600000,"refreshToken":"r","refreshTokenExpiresAt":1769904000000}}""", "2026-02-01")]
    [InlineData("""{"claudeAiOauth":{"expiresAt":1767225600000,"refreshToken":""}}""", "2026-01-01")]
    [InlineData("""{"claudeAiOauth":{"expiresAt":1767225600000}}""", "2026-01-01")]
    [InlineData("""{"claudeAiOauth":{"expiresAt":1767225600000,"refreshToken":"r"}}""", null)]
    [InlineData("""{"claudeAiOauth":{"expiresAt":-1}}""", null)]
    [InlineData("""{"claudeAiOauth":7}""", null)]
    [InlineData("not json", null)]
    [InlineData(null, null)]
    public void The_end_of_a_login_is_known_where_its_file_says_so(string? content, string? day)
    {
        if (content is not null)
        {
            File.WriteAllText(Credentials, content);
        }

        _login.EndsAt?.ToString("yyyy-MM-dd").Should().Be(day);
        (_login.EndsAt is null).Should().Be(day is null);
    }
}
