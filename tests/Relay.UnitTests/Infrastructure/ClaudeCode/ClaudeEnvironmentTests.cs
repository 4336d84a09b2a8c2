using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

public sealed class ClaudeEnvironmentTests : IDisposable
{
    private static readonly string[] Always =
    [
        "CLAUDE_CODE_DISABLE_AUTO_MEMORY",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
        "CLAUDE_CODE_DISABLE_BUNDLED_SKILLS",
        "CLAUDE_CODE_DISABLE_CLAUDE_MDS",
        "CLAUDE_CODE_DISABLE_CRON",
        "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK",
        "CLAUDE_CODE_DISABLE_FILE_MENTIONS",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "CLAUDE_CODE_DISABLE_WEB_FETCH",
        "CLAUDE_CODE_DISABLE_WORKFLOWS",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
        "CLAUDE_CODE_MAX_RETRIES",
        "DISABLE_AUTOUPDATER",
        "DISABLE_AUTO_COMPACT",
        "DISABLE_COMPACT",
        "DISABLE_ERROR_REPORTING",
        "DISABLE_TELEMETRY",
        "HOME",
        "LANG",
        "MIMALLOC_ALLOW_THP",
        "PATH",
        "TMPDIR",
        "TZ",
    ];

    /// <summary>A host on which everything is set that could be.</summary>
    private static readonly Dictionary<string, string?> Host = new(StringComparer.Ordinal)
    {
        ["CLAUDE_CODE_OAUTH_TOKEN"] = "oauth",
        ["ANTHROPIC_API_KEY"] = "key",
        ["ANTHROPIC_AUTH_TOKEN"] = "auth",
        ["ANTHROPIC_BASE_URL"] = "https://elsewhere.example",
        ["ANTHROPIC_MODEL"] = "other",
        ["CLAUDE_CONFIG_DIR"] = "/elsewhere",
        ["AWS_REGION"] = "eu-central-1",
        ["AWS_ACCESS_KEY_ID"] = "id",
        ["AWS_SECRET_ACCESS_KEY"] = "secret",
        ["AWS_SESSION_TOKEN"] = "session",
        ["AWS_BEARER_TOKEN_BEDROCK"] = "bearer",
        ["CLOUD_ML_REGION"] = "europe-west1",
        ["ANTHROPIC_VERTEX_PROJECT_ID"] = "project",
        ["GOOGLE_APPLICATION_CREDENTIALS"] = "/credentials.json",
        ["HTTPS_PROXY"] = "http://proxy.example",
        ["NO_PROXY"] = "",
        ["LD_PRELOAD"] = "/evil.so",
        ["NODE_OPTIONS"] = "--require /evil.js",
        ["PATH"] = "/usr/bin",
        ["SOMETHING_ELSE"] = "x",
    };

    private readonly TemporaryHome _home = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData(ClaudeAuth.Login, new[] { "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_UNIX_SOCKET" })]
    [InlineData(ClaudeAuth.OauthToken, new[] { "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_UNIX_SOCKET" })]
    [InlineData(ClaudeAuth.ApiKey, new[] { "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_UNIX_SOCKET" })]
    [InlineData(
        ClaudeAuth.Bedrock,
        new[]
        {
            "AWS_ACCESS_KEY_ID",
            "AWS_BEARER_TOKEN_BEDROCK",
            "AWS_REGION",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "CLAUDE_CODE_USE_BEDROCK",
        }
    )]
    [InlineData(
        ClaudeAuth.Vertex,
        new[] { "ANTHROPIC_VERTEX_PROJECT_ID", "CLAUDE_CODE_USE_VERTEX", "CLOUD_ML_REGION", "GOOGLE_APPLICATION_CREDENTIALS" }
    )]
    public void A_child_gets_exactly_the_variables_of_its_mode(ClaudeAuth auth, string[] credentials)
    {
        var environment = Environment(new ClaudeCodeOptions { Auth = auth });

        var variables = environment.Compose("/home/relay", "/tmp", new GateAccess("http://gate/ticket", "/gate.sock"));

        variables.Keys.Should().BeEquivalentTo([.. Always, .. credentials]);
        variables.Values.Should().NotContain(["https://elsewhere.example", "/elsewhere", "/evil.so", "/usr/bin", "other"]);
    }

    [Fact]
    public void Its_own_directories_and_limits_are_told()
    {
        var variables = Environment(new ClaudeCodeOptions { Auth = ClaudeAuth.ApiKey }, new CompletionOptions { MaxOutputTokens = 123 })
            .Compose("/home/relay", "/tmp/x", new GateAccess("http://gate/ticket", "/gate.sock"));

        (
            variables["HOME"],
            variables["TMPDIR"],
            variables["ANTHROPIC_BASE_URL"],
            variables["ANTHROPIC_UNIX_SOCKET"],
            variables["CLAUDE_CODE_MAX_OUTPUT_TOKENS"],
            variables["TZ"]
        )
            .Should()
            .Be(("/home/relay", "/tmp/x", "http://gate/ticket", "/gate.sock", "123", "UTC"));
        variables
            .Where(pair => pair.Key.Contains("DISABLE", StringComparison.Ordinal))
            .Should()
            .NotBeEmpty()
            .And.OnlyContain(pair => pair.Value == "1");
    }

    [Theory]
    [InlineData(ClaudeAuth.Login)]
    [InlineData(ClaudeAuth.OauthToken)]
    [InlineData(ClaudeAuth.ApiKey)]
    public void A_child_behind_the_gate_holds_no_secret(ClaudeAuth auth)
    {
        var options = new ClaudeCodeOptions
        {
            Auth = auth,
            OAuthToken = "oauth",
            ApiKey = "key",
            PassEnv = ["HTTPS_PROXY"],
        };

        var variables = Environment(options).Compose("/home/relay", "/tmp", new GateAccess("http://gate/ticket", "/gate.sock"));

        variables.Values.Should().NotContain(["oauth", "key", "auth", "http://proxy.example"]);
    }

    [Fact]
    public void Only_the_relays_own_setting_points_it_at_another_API() =>
        Environment(new ClaudeCodeOptions { Auth = ClaudeAuth.Bedrock, BaseUrl = new Uri("http://127.0.0.1:8080/") })
            .Compose("/h", "/t", null)["ANTHROPIC_BASE_URL"]
            .Should()
            .Be("http://127.0.0.1:8080");

    [Fact]
    public void Further_variables_are_passed_by_name_when_they_are_set() =>
        Environment(new ClaudeCodeOptions { Auth = ClaudeAuth.Bedrock, PassEnv = ["HTTPS_PROXY", "NO_PROXY", "NOT_SET"] })
            .Compose("/h", "/t", null)
            .Keys.Should()
            .Contain("HTTPS_PROXY")
            .And.NotContain(["NO_PROXY", "NOT_SET"]);

    [Theory]
    [InlineData("PATH")]
    [InlineData("home")]
    [InlineData("TMPDIR")]
    [InlineData("TZ")]
    [InlineData("LD_PRELOAD")]
    [InlineData("ld_library_path")]
    [InlineData("DYLD_INSERT_LIBRARIES")]
    [InlineData("BUN_OPTIONS")]
    [InlineData("NODE_OPTIONS")]
    [InlineData("XDG_CONFIG_HOME")]
    [InlineData("ANTHROPIC_BASE_URL")]
    [InlineData("ANTHROPIC_API_KEY")]
    [InlineData("CLAUDE_CONFIG_DIR")]
    [InlineData("CLAUDE_CODE_USE_BEDROCK")]
    [InlineData("CLAUDECODE")]
    [InlineData("DISABLE_TELEMETRY")]
    [InlineData("AWS_SECRET_ACCESS_KEY")]
    [InlineData("google_application_credentials")]
    public void Variables_of_a_setting_or_of_the_lockdown_can_not_be_passed(string name)
    {
        ClaudeEnvironment.IsReserved(name).Should().BeTrue();
        new ClaudeCodeOptionsValidator()
            .Validate(null, new ClaudeCodeOptions { PassEnv = ["HTTPS_PROXY", name] })
            .Failures.Should()
            .ContainSingle()
            .Which.Should()
            .Contain(name);
    }

    [Theory]
    [InlineData("HTTPS_PROXY")]
    [InlineData("NO_PROXY")]
    [InlineData("NODE_EXTRA_CA_CERTS")]
    [InlineData("SSL_CERT_FILE")]
    public void Variables_for_the_network_can_be_passed(string name) => ClaudeEnvironment.IsReserved(name).Should().BeFalse();

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(10, 3)]
    [InlineData(20, 4)]
    [InlineData(31, 5)]
    [InlineData(120, 5)]
    [InlineData(3600, 5)]
    public void The_CLIs_retries_fit_into_half_of_the_time_limit(int seconds, int retries)
    {
        var environment = Environment(new ClaudeCodeOptions(), new CompletionOptions { RequestTimeout = TimeSpan.FromSeconds(seconds) });

        environment.Retries.Should().Be(retries);
        Enumerable.Range(0, retries).Sum(attempt => 0.5 * Math.Pow(2, attempt)).Should().BeLessThanOrEqualTo(seconds / 2.0);
        environment.Compose("/h", "/t", null)["CLAUDE_CODE_MAX_RETRIES"].Should().Be($"{retries}");
    }

    [Fact]
    public void A_login_of_the_relays_own_is_preferred_to_the_users()
    {
        var environment = Environment(new ClaudeCodeOptions());
        environment.LoginDirectory.Should().EndWith("/.claude");

        Directory.CreateDirectory(_home.Home.ClaudeDirectory);
        environment.LoginDirectory.Should().Be(_home.Home.ClaudeDirectory);
    }

    [Fact]
    public void Without_a_login_there_is_no_directory_to_show() =>
        Environment(new ClaudeCodeOptions { Auth = ClaudeAuth.ApiKey }).LoginDirectory.Should().BeNull();

    [Fact]
    public void Stray_credentials_are_noticed() =>
        Environment(new ClaudeCodeOptions { Auth = ClaudeAuth.OauthToken })
            .StrayVariables.Should()
            .BeEquivalentTo([
                new StrayVariable("ANTHROPIC_API_KEY", ClaudeAuth.ApiKey),
                new StrayVariable("ANTHROPIC_VERTEX_PROJECT_ID", ClaudeAuth.Vertex),
                new StrayVariable("ANTHROPIC_BASE_URL", null),
                new StrayVariable("ANTHROPIC_AUTH_TOKEN", null),
                new StrayVariable("ANTHROPIC_MODEL", null),
                new StrayVariable("CLAUDE_CONFIG_DIR", null),
            ]);

    [Fact]
    public void Files_that_passed_variables_name_are_shown_to_a_jail_when_they_exist()
    {
        var certificates = _home.File("ca.pem");
        File.WriteAllText(certificates, "");
        var host = new Dictionary<string, string?>(Host, StringComparer.Ordinal) { ["NODE_EXTRA_CA_CERTS"] = certificates };

        Environment(new ClaudeCodeOptions { Auth = ClaudeAuth.Vertex, PassEnv = ["NODE_EXTRA_CA_CERTS"] }, host: host)
            .PassedFiles.Should()
            .Equal(certificates);
    }

    [Theory]
    [InlineData("https://api.example", true)]
    [InlineData("http://127.0.0.1:1", true)]
    [InlineData("http://localhost:1", true)]
    [InlineData("http://[::1]:1", true)]
    [InlineData("http://api.example", false)]
    [InlineData("ftp://127.0.0.1", false)]
    [InlineData("file:///etc/passwd", false)]
    public void Another_API_must_be_https_or_on_loopback(string url, bool valid) =>
        new ClaudeCodeOptionsValidator().Validate(null, new ClaudeCodeOptions { BaseUrl = new Uri(url) }).Succeeded.Should().Be(valid);

    [Theory]
    [InlineData(ClaudeAuth.OauthToken, "CLAUDE_CODE_OAUTH_TOKEN")]
    [InlineData(ClaudeAuth.ApiKey, "ANTHROPIC_API_KEY")]
    public void A_mode_without_its_credential_is_told_at_start(ClaudeAuth auth, string name) =>
        new ClaudeCodeOptionsValidator()
            .Validate(null, new ClaudeCodeOptions { Auth = auth })
            .Failures.Should()
            .ContainSingle()
            .Which.Should()
            .StartWith(name);

    [Theory]
    [InlineData("sk-ant-oat01 abc", 13, "a blank")]
    [InlineData("sk-ant\nabc", 7, "a line break")]
    [InlineData("sk-ant-abc\r", 11, "a line break")]
    [InlineData("\u200bsk-ant-abc", 1, "no visible ASCII letter")]
    [InlineData("sk-ant\u00a0abc", 7, "no visible ASCII letter")]
    [InlineData("sk\u2011ant", 3, "no visible ASCII letter")]
    public void A_token_with_a_letter_that_no_token_has_is_refused_by_its_place(string token, int place, string kind)
    {
        foreach (
            var options in (ClaudeCodeOptions[])
                [new() { Auth = ClaudeAuth.OauthToken, OAuthToken = token }, new() { Auth = ClaudeAuth.ApiKey, ApiKey = token }]
        )
        {
            var problem = new ClaudeCodeOptionsValidator().Validate(null, options).Failures.Should().ContainSingle().Subject;

            problem.Should().Contain($"character {place} of {token.Length} is {kind}").And.NotContain("sk-");
        }
    }

    private ClaudeEnvironment Environment(
        ClaudeCodeOptions options,
        CompletionOptions? completions = null,
        Dictionary<string, string?>? host = null
    ) =>
        new(
            Options.Create(options),
            Options.Create(completions ?? new CompletionOptions()),
            new ConfigurationBuilder().AddInMemoryCollection(host ?? Host).Build(),
            _home.Home
        );
}
