using Microsoft.Extensions.Options;
using Relay.Infrastructure;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Home;

namespace Relay.UnitTests.Infrastructure.ApiGate;

public sealed class GateSocketTests : IDisposable
{
    private readonly TemporaryHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task The_socket_is_its_owners_only_and_goes_with_the_relay()
    {
        await using var gate = FakeGate.Create(
            _home.Home,
            Options.Create(new ClaudeCodeOptions { Auth = ClaudeAuth.ApiKey, ApiKey = "key" })
        );
        await gate.Listener.StartAsync(Waiting.Token);
        var path = gate.Listener.SocketPath!;

        path.Should().StartWith(_home.Home.RunDirectory);
        (File.GetUnixFileMode(path) & (UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite))
            .Should()
            .Be(UnixFileMode.None);
        await gate.Listener.StopAsync(Waiting.Token);
        File.Exists(path).Should().BeFalse();
    }

    [Fact]
    public void A_socket_that_a_killed_relay_left_is_no_obstacle()
    {
        var path = GateSocket.Prepare(_home.Home);
        File.WriteAllText(path, "left");

        GateSocket.Prepare(_home.Home).Should().Be(path);
        File.Exists(path).Should().BeFalse();
    }

    [Fact]
    public void A_home_with_a_long_path_gets_a_private_place_elsewhere()
    {
        var home = RelayHome.Open(Path.Combine(_home.Home.Path, new string('x', 100)));

        var path = GateSocket.Prepare(home);

        path.Length.Should().BeLessThanOrEqualTo(103);
        (File.GetUnixFileMode(Path.GetDirectoryName(path)!) & (UnixFileMode.GroupExecute | UnixFileMode.OtherExecute))
            .Should()
            .Be(UnixFileMode.None);
        GateSocket.Remove(home, path);
        Directory.Exists(Path.GetDirectoryName(path)).Should().BeFalse();
    }

    [Fact]
    public async Task A_socket_that_can_not_be_bound_is_explained()
    {
        var options = Options.Create(new ClaudeCodeOptions { Auth = ClaudeAuth.ApiKey, ApiKey = "key" });
        await using var first = FakeGate.Create(_home.Home, options);
        Directory.CreateDirectory(Path.Combine(_home.Home.RunDirectory, $"gate-{Environment.ProcessId}.sock"));

        var starting = () => first.Listener.StartAsync(Waiting.Token);

        (await starting.Should().ThrowAsync<StartupException>()).WithMessage("*Set RELAY_HOME*");
    }

    [Fact]
    public async Task A_cloud_has_no_gate()
    {
        await using var gate = FakeGate.Create(_home.Home, Options.Create(new ClaudeCodeOptions { Auth = ClaudeAuth.Vertex }));

        await gate.Listener.StartAsync(Waiting.Token);

        gate.Listener.SocketPath.Should().BeNull();
        gate.Listener.IsInForce.Should().BeFalse();
    }
}
