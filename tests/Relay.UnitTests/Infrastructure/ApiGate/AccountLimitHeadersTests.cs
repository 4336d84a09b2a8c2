using Relay.Application.Quotas;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ApiGate;

namespace Relay.UnitTests.Infrastructure.ApiGate;

public sealed class AccountLimitHeadersTests
{
    private static readonly DateTimeOffset Reset = DateTimeOffset.FromUnixTimeSeconds(1_796_000_000);

    [Fact]
    public void A_subscriptions_windows_are_read() =>
        Read(
                ("unified-status", "allowed_warning"),
                ("unified-5h-utilization", "0.42"),
                ("unified-5h-reset", "1796000000"),
                ("unified-7d-utilization", "0.9"),
                ("unified-7d_oi-utilization", "0"),
                ("unified-overage-utilization", "1.2")
            )
            .Should()
            .BeEquivalentTo([
                new AccountUse("five_hour", null, 0.42, Reset),
                new AccountUse("seven_day", null, 0.9, null),
                new AccountUse("seven_day_overage_included", null, 0, null),
                new AccountUse("overage", null, 1.2, null),
            ]);

    [Fact]
    public void The_limits_of_an_API_key_are_read_for_the_family_that_answered() =>
        Read(
                ("requests-limit", "50"),
                ("requests-remaining", "40"),
                ("requests-reset", "2026-11-30T12:00:00Z"),
                ("input-tokens-limit", "1000"),
                ("input-tokens-remaining", "0"),
                ("tokens-limit", "10"),
                ("tokens-remaining", "99")
            )
            .Should()
            .BeEquivalentTo(
                [
                    new AccountUse("requests", "opus", 0.2, new DateTimeOffset(2026, 11, 30, 12, 0, 0, TimeSpan.Zero)),
                    new AccountUse("input_tokens", "opus", 1, null),
                    new AccountUse("tokens", "opus", 0, null),
                ],
                options =>
                    options
                        .Using<double>(context => context.Subject.Should().BeApproximately(context.Expectation, 1e-9))
                        .WhenTypeIs<double>()
            );

    [Theory]
    [InlineData("unified-5h-utilization", "many")]
    [InlineData("unified-5h-utilization", "-1")]
    [InlineData("unified-5h-utilization", "NaN")]
    [InlineData("unified-\u00b5-utilization", "0.5")]
    [InlineData("unified-UPPER!-utilization", "0.5")]
    [InlineData("unified-utilization", "0.5")]
    [InlineData("requests-limit", "0")]
    [InlineData("requests-limit", "50")]
    public void Headers_of_another_form_say_nothing(string name, string value) => Read((name, value)).Should().BeEmpty();

    [Fact]
    public void Only_so_many_limits_of_one_answer_are_read() =>
        Read([.. Enumerable.Range(0, 100).Select(index => ($"unified-a{index}-utilization", "0.5"))]).Should().HaveCount(16);

    [Theory]
    [InlineData("five_hour", "1796000000", "five_hour", true)]
    [InlineData("Not A Kind", "soon", null, false)]
    public void A_rejection_is_read(string claim, string reset, string? kind, bool hasReset) =>
        AccountLimitHeaders
            .ReadRejection(Headers(("unified-status", "rejected"), ("unified-representative-claim", claim), ("unified-reset", reset)))
            .Should()
            .Be(new UpstreamLimit(kind, hasReset ? Reset : null));

    [Fact]
    public void A_warning_is_no_rejection() =>
        AccountLimitHeaders.ReadRejection(Headers(("unified-status", "allowed_warning"))).Should().BeNull();

    private static IReadOnlyList<AccountUse> Read(params (string Name, string Value)[] headers) =>
        AccountLimitHeaders.ReadUses(Headers(headers), "opus");

    private static System.Net.Http.Headers.HttpResponseHeaders Headers(params (string Name, string Value)[] headers)
    {
        using var response = new HttpResponseMessage();
        foreach (var (name, value) in headers)
        {
            response.Headers.TryAddWithoutValidation("anthropic-ratelimit-" + name, value);
        }

        return response.Headers;
    }
}
