using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ApiGate;

public sealed class HostTracesTests : IDisposable
{
    private const string Account = """
        {"numStartups":3,"oauthAccount":{"emailAddress":"ops@tinker.example","organizationName":"Tinker Works","displayName":"Ada L.",
         "accountUuid":"5f0c2d1e-0000-4000-8000-aaaaaaaaaaaa","organizationUuid":"5f0c2d1e-0000-4000-8000-bbbbbbbbbbbb"}}
        """;

    private readonly TemporaryHome _home = new();

    public void Dispose() => _home.Dispose();

    public static TheoryData<string, string> Values =>
        new()
        {
            { Environment.CurrentDirectory, "the relay's working directory" },
            { Environment.GetEnvironmentVariable("PATH")!, "the value of PATH" },
            { "ops@tinker.example", "the account's emailAddress" },
            { "TINKER WORKS", "the account's organizationName" },
            { "Ada L.", "the account's displayName" },
            { "5f0c2d1e-0000-4000-8000-aaaaaaaaaaaa", "the account's accountUuid" },
            { "5f0c2d1e-0000-4000-8000-bbbbbbbbbbbb", "the account's organizationUuid" },
        };

    [Theory]
    [MemberData(nameof(Values))]
    public void A_value_of_this_host_or_of_its_account_is_found_in_every_part(string value, string kind)
    {
        Plant(Account);

        foreach (
            var shape in (RequestShape[])
                [
                    Shape with
                    {
                        Note = $"# Environment {value}.",
                    },
                    Shape with
                    {
                        Headers = $"x-app: {value}\n",
                    },
                    Shape with
                    {
                        Billing = value,
                    },
                    Shape with
                    {
                        Identity = value,
                    },
                    Shape with
                    {
                        Tools = value,
                    },
                    Shape with
                    {
                        ContextManagement = value,
                    },
                ]
        )
        {
            // A short name of a user or a machine may be part of another value, which is then the one that is told.
            Traces().Find(shape).Should().NotBeNull(kind);
        }

        if (value.Contains("tinker", StringComparison.OrdinalIgnoreCase))
        {
            Traces().Find(Shape with { Note = value }).Should().Be(kind);
        }
    }

    [Fact]
    public void A_request_of_Claude_Code_holds_none()
    {
        Plant(Account);

        Traces().Find(Shape).Should().BeNull();
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"oauthAccount\":")]
    [InlineData("""{"oauthAccount":[1]}""")]
    [InlineData("""{"oauthAccount":{"emailAddress":7,"displayName":""}}""")]
    public void Settings_of_Claude_Code_that_tell_no_account_are_no_obstacle(string settings)
    {
        Plant(settings);

        Traces().Find(Shape).Should().BeNull();
    }

    private static RequestShape Shape { get; } =
        RequestProof
            .Prove(
                GateBench.BodyOf("Hi"),
                "anthropic-version: 2023-06-01\n",
                GateBench.Expect(isRehearsed: false),
                [],
                DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime)
            )
            .Shape!;

    private void Plant(string settings)
    {
        Directory.CreateDirectory(_home.Home.ClaudeDirectory);
        File.WriteAllText(Path.Combine(_home.Home.ClaudeDirectory, ".claude.json"), settings);
    }

    private HostTraces Traces() =>
        new(
            _home.Home,
            new ClaudeEnvironment(
                Options.Create(new ClaudeCodeOptions { Auth = ClaudeAuth.Login }),
                Options.Create(new CompletionOptions()),
                new ConfigurationBuilder().Build(),
                _home.Home
            )
        );
}
