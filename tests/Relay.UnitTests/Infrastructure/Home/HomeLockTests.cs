using Relay.Infrastructure;
using Relay.Infrastructure.Home;

namespace Relay.UnitTests.Infrastructure.Home;

public sealed class HomeLockTests : IDisposable
{
    private readonly TemporaryHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_second_relay_on_one_home_is_refused_until_the_first_has_ended()
    {
        var first = new HomeLock(_home.Home);
        using var second = new HomeLock(_home.Home);
        await first.StartAsync(Waiting.Token);
        var starting = () => second.StartAsync(Waiting.Token);
        (await starting.Should().ThrowAsync<StartupException>())
            .Which.Message.Should()
            .Contain("Another relay runs on")
            .And.Contain("RELAY_HOME");

        await first.StopAsync(Waiting.Token);
        await starting.Should().ThrowAsync<StartupException>("it is not over before all of it is");
        first.Dispose();

        await starting.Should().NotThrowAsync();
    }

    [Fact]
    public async Task Relays_on_homes_of_their_own_do_not_mind_each_other()
    {
        using var other = new TemporaryHome();
        using var first = new HomeLock(_home.Home);
        using var second = new HomeLock(other.Home);
        await first.StartAsync(Waiting.Token);
        await second.StartAsync(Waiting.Token);
    }

    [Fact]
    public async Task A_home_that_can_not_be_written_is_no_other_relay()
    {
        using var homeLock = new HomeLock(_home.Home);
        Directory.Delete(_home.Home.Path, recursive: true);
        var starting = () => homeLock.StartAsync(Waiting.Token);

        (await starting.Should().ThrowAsync<StartupException>())
            .Which.Message.Should()
            .Contain("can't be written")
            .And.NotContain("Another relay");
        Directory.CreateDirectory(_home.Home.Path);
    }

    [Fact]
    public async Task Only_the_owner_may_open_the_lock()
    {
        using var homeLock = new HomeLock(_home.Home);
        await homeLock.StartAsync(Waiting.Token);
        File.GetUnixFileMode(_home.File("relay.lock")).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
