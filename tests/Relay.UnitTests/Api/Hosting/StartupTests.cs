using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
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
        new ServerOptionsValidator()
            .Validate(null, new ServerOptions { Host = host, AllowRemote = allowRemote })
            .Succeeded.Should()
            .Be(valid);

    [Fact]
    public void Problems_that_an_operator_can_mend_are_told_in_sentences()
    {
        var first = new OptionsValidationException("a", typeof(string), ["one", "two"]);
        var second = new OptionsValidationException("b", typeof(string), ["three"]);

        StartupProblems.Of(first).Should().Equal("one", "two");
        StartupProblems.Of(new AggregateException(first, second)).Should().Equal("one", "two", "three");
        StartupProblems.Of(new StartupException("no jail")).Should().Equal("no jail");
        StartupProblems.Of(new FormatException("line 2")).Should().Equal("line 2");
        StartupProblems.Of(new UnauthorizedAccessException("denied.")).Should().ContainSingle().Which.Should().Contain("RELAY_HOME");
    }

    /// <summary>The host throws in the end, and several failures as one that nobody handles.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    public async Task Services_that_do_not_stop_in_time_take_nothing_from_the_others_and_the_relay_still_exits(int endless, int exitCode)
    {
        var log = new LogLines<StartupTests>();
        var store = new Store();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRouting().Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromMilliseconds(50));
        builder.Services.AddSingleton<IHostedService>(store);
        builder.Logging.AddProvider(new Provider(log));
        for (var number = 0; number < endless; number++)
        {
            builder.Services.AddSingleton<IHostedService>(new Endless());
        }

        await using var app = builder.Build();
        app.Lifetime.ApplicationStarted.Register(app.Lifetime.StopApplication);

        (await app.RunToEndAsync(Waiting.Token).InTime()).Should().Be(exitCode);

        store.IsFlushed.Should().BeTrue();
        log.Lines.Count(line => line.Contains("some of its services failed to stop", StringComparison.Ordinal)).Should().Be(exitCode);
    }

    [Fact]
    public void A_bug_is_no_matter_of_configuration()
    {
        StartupProblems.Of(new InvalidOperationException("a bug")).Should().BeEmpty();
        StartupProblems.Of(new AggregateException(new InvalidOperationException("a bug"))).Should().BeEmpty();
    }

    private sealed class Provider(ILogger log) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => log;

        public void Dispose()
        {
            // The lines are the test's.
        }
    }

    private sealed class Endless : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
    }

    private sealed class Store : IHostedService
    {
        public bool IsFlushed { get; private set; }

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            IsFlushed = true;
            return Task.CompletedTask;
        }
    }
}
