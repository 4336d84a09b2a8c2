using Microsoft.AspNetCore.Http;
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
            new QuotaStatus("concurrency", 4, 3, null, null));

        headers["RateLimit-Policy"].Should().Equal("\"minute\";q=30;w=60, \"day\";q=1000;w=86400, \"usd-day\";q=250;w=86400;crk-unit=\"us-cent\", \"concurrency\";q=4;qu=\"concurrent-requests\"");
        headers["RateLimit"].Should().Equal("\"minute\";r=29;t=61, \"day\";r=999;t=31834, \"usd-day\";r=149;t=31834, \"concurrency\";r=3");
    }

    [Theory]
    [InlineData(0, "t=0")]
    [InlineData(1, "t=1")]
    [InlineData(999, "t=1")]
    [InlineData(1000, "t=1")]
    [InlineData(1001, "t=2")]
    public void The_time_to_wait_is_whole_seconds_and_never_too_short(int milliseconds, string expected) =>
        Write(new QuotaStatus("minute", 1, 0, TimeSpan.FromMinutes(1), TimeSpan.FromMilliseconds(milliseconds)))["RateLimit"].Should().Equal($"\"minute\";r=0;{expected}");

    private static IHeaderDictionary Write(params QuotaStatus[] quotas)
    {
        var context = new DefaultHttpContext();
        RateLimitHeaders.Write(context, quotas);
        return context.Response.Headers;
    }
}
