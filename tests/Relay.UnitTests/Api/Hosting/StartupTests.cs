using Microsoft.Extensions.Options;
using Relay.Api.Hosting;
using Relay.Application.Serving;
using Relay.Infrastructure;

namespace Relay.UnitTests.Api.Hosting;

public sealed class StartupTests
{
    [Theory]
    [InlineData("127.0.0.1", false, true)]
    [InlineData("::1", false, true)]
    [InlineData("127.0.0.5", false, true)]
    [InlineData("0.0.0.0", false, false)]
    [InlineData("::", false, false)]
    [InlineData("192.168.1.5", false, false)]
    [InlineData("0.0.0.0", true, true)]
    [InlineData("localhost", true, false)]
    [InlineData("", true, false)]
    public void Only_loopback_unless_remote_is_meant(string host, bool allowRemote, bool valid) =>
        new ServerOptionsValidator().Validate(null, new ServerOptions { Host = host, AllowRemote = allowRemote }).Succeeded.Should().Be(valid);

    [Fact]
    public void What_an_operator_can_mend_is_told_in_sentences()
    {
        var first = new OptionsValidationException("a", typeof(string), ["one", "two"]);
        var second = new OptionsValidationException("b", typeof(string), ["three"]);

        StartupProblems.Of(first).Should().Equal("one", "two");
        StartupProblems.Of(new AggregateException(first, second)).Should().Equal("one", "two", "three");
        StartupProblems.Of(new StartupException("no jail")).Should().Equal("no jail");
        StartupProblems.Of(new FormatException("line 2")).Should().Equal("line 2");
        StartupProblems.Of(new UnauthorizedAccessException("denied.")).Should().ContainSingle().Which.Should().Contain("RELAY_HOME");
    }

    [Fact]
    public void A_bug_is_no_matter_of_configuration()
    {
        StartupProblems.Of(new InvalidOperationException("a bug")).Should().BeEmpty();
        StartupProblems.Of(new AggregateException(new InvalidOperationException("a bug"))).Should().BeEmpty();
    }
}
