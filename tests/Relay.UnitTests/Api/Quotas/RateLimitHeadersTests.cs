using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Relay.Api.Http;
using Relay.Api.Quotas;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Api.Quotas;

/// <summary>As draft-ietf-httpapi-ratelimit-headers-11 has it: lists of quoted policy names with parameters.</summary>
public sealed class RateLimitHeadersTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public void Each_limit_is_a_quoted_name_with_its_parameters()
    {
        var headers = Write(
            new QuotaStatus("minute", 30, 29, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(60.3)),
            new QuotaStatus("day", 1000, 999, Day, TimeSpan.FromSeconds(31_834)),
            new QuotaStatus("usd-day", 250, 149, Day, TimeSpan.FromSeconds(31_834)),
            new QuotaStatus("concurrency", 4, 3, null, null)
        );

        headers["RateLimit-Policy"]
            .Should()
            .Equal(
                "\"minute\";q=30;w=60, \"day\";q=1000;w=86400, \"usd-day\";q=250;w=86400;crk-unit=\"us-cent\", "
                    + "\"concurrency\";q=4;qu=\"concurrent-requests\""
            );
        headers["RateLimit"].Should().Equal("\"minute\";r=29;t=61, \"day\";r=999;t=31834, \"usd-day\";r=149;t=31834, \"concurrency\";r=3");
    }

    [Theory]
    [InlineData(0, "t=0")]
    [InlineData(1, "t=1")]
    [InlineData(999, "t=1")]
    [InlineData(1000, "t=1")]
    [InlineData(1001, "t=2")]
    public void The_time_to_wait_is_whole_seconds_and_never_too_short(int milliseconds, string expected) =>
        Write(new QuotaStatus("minute", 1, 0, TimeSpan.FromMinutes(1), TimeSpan.FromMilliseconds(milliseconds)))["RateLimit"]
            .Should()
            .Equal($"\"minute\";r=0;{expected}");

    [Theory]
    [InlineData(nameof(ApiSurface.OpenAi), "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests")]
    [InlineData(
        nameof(ApiSurface.Anthropic),
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset"
    )]
    public void Headers_of_another_API_tell_of_the_limit_with_the_least_left(string surface, string limit, string remaining, string reset)
    {
        var minute = new QuotaStatus("minute", 100_000, 99_999, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(60));
        var day = new QuotaStatus("day", 1000, 0, Day, TimeSpan.FromSeconds(31_834));
        var money = new QuotaStatus("usd-day", 250, 0, Day, TimeSpan.FromSeconds(31_834));

        Write(surface, minute, day).Should().Contain(limit, "1000").And.Contain(remaining, "0");
        Write(surface, minute, day)[reset].ToString().Should().BeOneOf("31834s", "2026-03-14T20:50:34Z");
        Write(surface, minute, day with { Remaining = 4 }).Should().Contain(limit, "1000").And.Contain(remaining, "4");
        Write(surface, minute with { Remaining = 3 }, day with { Remaining = 4 })
            .Should()
            .Contain(limit, "100000")
            .And.Contain(remaining, "3");
        Write(surface, minute, day with { Remaining = 4 }, money).Should().Contain(remaining, "0", "there is no money left");
        Write(surface, minute, day with { Remaining = 4 }, new QuotaStatus("global-day", 5000, 0, Day, TimeSpan.FromSeconds(31_834)))
            .Should()
            .Contain(remaining, "0");
        Write(surface, minute, day with { Remaining = 4 }, new QuotaStatus("concurrency", 3, 0, null, null))
            .Should()
            .Contain(remaining, "4", "a place comes back when a request ends");
    }

    private static Dictionary<string, string> Write(string surface, params QuotaStatus[] quotas)
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 3, 14, 12, 0, 0, TimeSpan.Zero));
        using var services = new ServiceCollection().AddSingleton<TimeProvider>(clock).BuildServiceProvider();
        var context = new DefaultHttpContext { RequestServices = services };
        context.SetEndpoint(new Endpoint(null, new EndpointMetadataCollection(new SpeaksAttribute(Enum.Parse<ApiSurface>(surface))), null));
        RateLimitHeaders.Write(context, quotas);
        return context.Response.Headers.ToDictionary(
            header => header.Key,
            header => header.Value.ToString(),
            StringComparer.OrdinalIgnoreCase
        );
    }

    private static IHeaderDictionary Write(params QuotaStatus[] quotas)
    {
        var context = new DefaultHttpContext();
        RateLimitHeaders.Write(context, quotas);
        return context.Response.Headers;
    }
}
