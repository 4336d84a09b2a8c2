using Relay.Redis;

namespace Relay.UnitTests.Redis;

public sealed class StateOptionsTests
{
    [Theory]
    [InlineData("redis://localhost", "localhost:6379", false, null, null, 0)]
    [InlineData("rediss://user:pa%40ss%2Fw@redis.example:7000/3", "redis.example:7000", true, "user", "pa@ss/w", 3)]
    [InlineData("redis://:secret@10.0.0.1:6379,10.0.0.2:6380,[::1]:6381", "10.0.0.1:6379,10.0.0.2:6380,::1:6381", false, null, "secret", 0)]
    [InlineData("REDIS://secret@h/", "h:6379", false, null, "secret", 0)]
    public void An_address_says_where_and_how_and_prints_its_hosts_only(
        string text,
        string hosts,
        bool isTls,
        string? user,
        string? password,
        int database
    )
    {
        var (address, problem) = RedisAddress.Parse(text);

        problem.Should().BeNull();
        (address!.ToString(), address.IsTls, address.User, address.Password, address.Database)
            .Should()
            .Be((hosts, isTls, user, password, database));
        address.ToOptions().EndPoints.Should().HaveCount(hosts.Split(',').Length);
    }

    [Theory]
    [InlineData("memcached://s3cret@host")]
    [InlineData("redis://")]
    [InlineData("redis://user:s3cret@")]
    [InlineData("redis://user:s3cret@host:0")]
    [InlineData("redis://user:s3cret@host:99999")]
    [InlineData("redis://user:s3cret@host:x")]
    [InlineData("redis://user:s3cret@host/one")]
    [InlineData("redis://user:s3cret@host?ssl=true")]
    [InlineData("redis://user:s3cret@a b")]
    [InlineData("host:6379,password=s3cret")]
    public void An_invalid_address_is_refused_without_repeating_it(string text)
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
