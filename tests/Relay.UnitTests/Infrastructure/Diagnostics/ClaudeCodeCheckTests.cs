using Relay.Application.Diagnostics;
using Relay.Domain;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Diagnostics;

namespace Relay.UnitTests.Infrastructure.Diagnostics;

public sealed class ClaudeCodeCheckTests
{
    private const string Rehearsed = "had the expected form";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_form_of_requests_is_reported_only_where_a_request_was_seen(bool usesGate)
    {
        var finding = ClaudeCodeCheck.CheckLockdown(new SelfTestReport.Passed(Frames.Version), usesGate);

        finding.Status.Should().Be(FindingStatus.Pass);
        finding.Detail.Contains(Rehearsed, StringComparison.Ordinal).Should().Be(usesGate);
    }

    [Fact]
    public void Without_a_login_the_lockdown_is_reported_and_no_form_of_requests()
    {
        var finding = ClaudeCodeCheck.CheckLockdown(
            new SelfTestReport.Failed(Frames.Version, new RelayError(ErrorCode.NotLoggedIn, "Not logged in.")),
            usesGate: true
        );

        finding.Status.Should().Be(FindingStatus.Pass);
        finding.Detail.Should().Contain("no tools").And.NotContain(Rehearsed);
    }

    [Fact]
    public void A_variable_of_another_mode_names_that_mode()
    {
        var finding = ClaudeCodeCheck.DescribeStray(new StrayVariable("CLAUDE_CODE_OAUTH_TOKEN", ClaudeAuth.OauthToken), "login");

        finding.Detail.Should().Contain("CLAUDE_CODE_OAUTH_TOKEN").And.Contain("CLAUDE_AUTH=login");
        finding.Advice.Should().EndWith("set CLAUDE_AUTH=oauth-token.");
    }

    [Fact]
    public void A_variable_that_no_mode_uses_is_only_to_be_unset() =>
        ClaudeCodeCheck.DescribeStray(new StrayVariable("ANTHROPIC_MODEL", null), "login").Advice.Should().Be("Unset it.");
}
