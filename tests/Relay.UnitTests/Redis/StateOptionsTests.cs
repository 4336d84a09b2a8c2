using Relay.Redis;

namespace Relay.UnitTests.Redis;

public sealed class StateOptionsTests
{
    [Theory]
    [InlineData("localhost", "localhost:6379", false, null, null, null)]
    [InlineData("redis.example,ssl=true", "redis.example:6380", true, null, null, null)]
    [InlineData(
        "redis.example:7000, ssl=true, user=relay, password=pa@ss/w=:x, defaultDatabase=3",
        "redis.example:7000",
        true,
        "relay",
        "pa@ss/w=:x",
        3
    )]
    [InlineData(
        "10.0.0.1:6379,10.0.0.2:6380,[::1]:6381,password=secret",
        "10.0.0.1:6379,10.0.0.2:6380,[::1]:6381",
        false,
        null,
        "secret",
        null
    )]
    public void A_configuration_is_read_as_its_client_reads_it_and_its_hosts_alone_are_told(
        string text,
        string hosts,
        bool isTls,
        string? user,
        string? password,
        int? database
    )
    {
        var (options, problem) = RedisConfiguration.Parse(text);

        problem.Should().BeNull();
        (options!.Ssl, options.User, options.Password, options.DefaultDatabase).Should().Be((isTls, user, password, database));
        RedisConfiguration.HostsOf(options).Should().Be(hosts);
    }

    [Theory]
    [InlineData("redis://relay:s3cret@redis.internal:6379/0", "redis.internal:6379,user=relay,password=…")]
    [InlineData("REDISS://relay:s3cret@redis.internal:6379", "redis.internal:6379,ssl=true,user=relay,password=…")]
    public void A_URL_is_refused_with_the_form_that_replaces_it(string text, string form) =>
        Validate(new StateOptions { State = text })
            .Should()
            .ContainSingle()
            .Which.Should()
            .StartWith("STATE: is no longer a URL")
            .And.Contain(form)
            .And.NotContain("s3cret");

    [Theory]
    [InlineData("memcached://s3cret@host")]
    [InlineData("password=s3cret")]
    [InlineData(",password=s3cret")]
    [InlineData("host:99999,password=s3cret")]
    [InlineData("host:x,password=s3cret")]
    [InlineData("host,password=s3cret,defaultDatabase=one")]
    [InlineData("host,password=s3cret,ssl=perhaps")]
    [InlineData("host,s3cret=1")]
    [InlineData("host,password=word-with-a-comma,s3cret")]
    [InlineData("host,password=word-with-a-comma,s3cret:x")]
    [InlineData("a b,password=s3cret")]
    [InlineData("relay:s3cret@host:6379")]
    public void An_invalid_configuration_is_refused_without_repeating_it(string text)
    {
        var problems = Validate(new StateOptions { State = text });

        problems.Should().ContainSingle().Which.Should().StartWith("STATE: must be").And.NotContain("s3cret");
    }

    [Fact]
    public void Names_that_could_end_a_hash_tag_and_files_that_are_not_there_are_refused() =>
        Validate(
                new StateOptions
                {
                    Namespace = "a}b",
                    RelayName = "x y",
                    CaFile = "/nowhere/ca.pem",
                }
            )
            .Should()
            .HaveCount(3);

    [Fact]
    public void The_defaults_are_a_relay_by_itself() => Validate(new StateOptions()).Should().BeEmpty();

    private static IEnumerable<string> Validate(StateOptions options) => new StateOptionsValidator().Validate(null, options).Failures ?? [];
}
