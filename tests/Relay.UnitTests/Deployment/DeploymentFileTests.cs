using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Relay.Application;
using Relay.Application.Configuration;
using Relay.Application.Serving;
using Relay.Infrastructure;
using Relay.Infrastructure.Home;
using Relay.Redis;

namespace Relay.UnitTests.Deployment;

/// <summary>The files in <c>deploy/</c> tell the truth about the relay, and agree with one another.</summary>
public sealed partial class DeploymentFileTests
{
    /// <summary>The time that the relay may take beyond <c>DRAIN_TIMEOUT</c> (<c>Drain.Afterwards</c>).</summary>
    private static readonly TimeSpan Afterwards = Relay.Api.Hosting.Drain.Afterwards;

    private static readonly HashSet<string> Settings = new ServiceCollection()
        .AddRelayApplication()
        .AddRelayRedis(new ConfigurationBuilder().Build())
        .AddRelayInfrastructure(RelayHome.Find(path: null))
        .Where(service => service.ServiceType == typeof(SettingDescription))
        .Select(service => ((SettingDescription)service.ImplementationInstance!).Name)
        .Append("RELAY_HOME")
        .ToHashSet(StringComparer.Ordinal);

    private static readonly string Dockerfile = Read("Dockerfile");
    private static readonly string Compose = Read("compose.yaml");
    private static readonly string Pod = Read("kubernetes/deployment.yaml");
    private static readonly string FleetCompose = Read("compose.fleet.yaml");
    private static readonly string FleetPod = Read("kubernetes/fleet/relays.yaml");

    [Fact]
    public void Variables_that_are_set_are_settings()
    {
        var set = ComposeVariable()
            .Matches(
                Compose[Compose.IndexOf("environment:", StringComparison.Ordinal)..Compose.IndexOf("ports:", StringComparison.Ordinal)]
            )
            .Concat(ComposeVariable().Matches(FleetCompose))
            .Concat(PodVariable().Matches(Pod))
            .Concat(PodVariable().Matches(FleetPod))
            .Concat(
                ImageVariable()
                    .Matches(
                        Dockerfile[
                            Dockerfile.IndexOf("ENV ", StringComparison.Ordinal)..Dockerfile.IndexOf("USER ", StringComparison.Ordinal)
                        ]
                    )
            )
            .Select(match => match.Groups["name"].Value)
            .Distinct(StringComparer.Ordinal)
            .ToList();

        set.Should()
            .Contain([
                "CLAUDE_AUTH",
                "CLAUDE_CODE_OAUTH_TOKEN",
                "ALLOWED_HOSTS",
                "RELAY_HOME",
                "ALLOW_REMOTE",
                "LOG_FORMAT",
                "STATE",
                "RELAY_NAME",
            ]);
        // The last two are those of Redis's start and of haproxy.cfg.
        set.Except(["HOME", "PATH", "DOTNET_EnableDiagnostics", "REDIS_PASSWORD", "BALANCER"], StringComparer.Ordinal)
            .Should()
            .BeSubsetOf(Settings);
    }

    [Fact]
    public void The_port_is_the_relays_everywhere()
    {
        var port = new ServerOptions().Port.ToString();

        foreach (
            var (file, line) in ((string, string)[])
                [
                    (Dockerfile, $"PORT={port}"),
                    (Dockerfile, $"EXPOSE {port}"),
                    (Compose, $"\"127.0.0.1:{port}:{port}\""),
                    (Pod, $"containerPort: {port}"),
                    (FleetCompose, $"RELAY_1: relay-1:{port}"),
                    (FleetPod, $"containerPort: {port}"),
                    (Read("kubernetes/fleet/network-policy.yaml"), $"port: {port}"),
                    (Read("kubernetes/network-policy.yaml"), $"port: {port}"),
                    (Read("proxy/nginx.conf"), $"server 127.0.0.1:{port};"),
                    (Read("proxy/Caddyfile"), $"127.0.0.1:{port}"),
                    (Read("proxy/cloudflared.yml"), $"http://127.0.0.1:{port}"),
                    (Read("systemd/claude-relay-ngrok.service"), $"PORT:-{port}"),
                    (Read("proxy/tailscale-funnel.sh"), $"port:-{port}"),
                ]
        )
        {
            file.Should().Contain(line);
        }
    }

    [Fact]
    public void Memory_that_runs_out_ends_one_process_and_not_the_service() =>
        Read("systemd/claude-relay.service").Should().Contain("\nMemoryMax=80%\n").And.Contain("\nOOMPolicy=continue\n");

    [Fact]
    public void A_stop_may_take_as_long_as_the_relay_drains()
    {
        var longest = new ServerOptions().DrainTimeout + Afterwards;

        foreach (
            var (file, pattern) in ((string, string)[])
                [
                    (Read("systemd/claude-relay.service"), @"TimeoutStopSec=(?<s>\d+)"),
                    (Compose, @"stop_grace_period: (?<s>\d+)s"),
                    (Pod, @"terminationGracePeriodSeconds: (?<s>\d+)"),
                    (FleetCompose, @"stop_grace_period: (?<s>\d+)s"),
                    (FleetPod, @"terminationGracePeriodSeconds: (?<s>\d+)"),
                ]
        )
        {
            // The cluster counts what comes before the stop, too.
            var before = Find(file, @"sleep"", ""(?<s>\d+)""") is [var seconds] ? int.Parse(seconds) : 0;
            Find(file, pattern).Should().NotBeEmpty().And.OnlyContain(grace => TimeSpan.FromSeconds(int.Parse(grace) - before) > longest);
        }
    }

    [Fact]
    public void A_container_has_no_root_and_writes_to_its_volume_only()
    {
        var home = Regex
            .Match(Dockerfile, @"RELAY_HOME=(?<home>/[a-z]+)/relay", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))
            .Groups["home"]
            .Value;

        home.Should().NotBeEmpty();
        Dockerfile.Should().Contain($"VOLUME {home}").And.Contain("USER 10001:10001").And.Contain("\"/usr/bin/tini\"");
        Compose
            .Should()
            .Contain("read_only: true")
            .And.Contain($"relay:{home}")
            .And.Contain("user: \"10001:10001\"")
            .And.Contain("cap_drop: [ALL]")
            .And.Contain("/tmp:");
        foreach (var pod in (string[])[Pod, FleetPod])
        {
            pod.Should()
                .Contain("readOnlyRootFilesystem: true")
                .And.Contain($"mountPath: {home}\n")
                .And.Contain("mountPath: /tmp")
                .And.Contain("runAsUser: 10001")
                .And.Contain("drop: [ALL]")
                .And.Contain("runAsNonRoot: true")
                .And.Contain("allowPrivilegeEscalation: false");
        }
    }

    [Fact]
    public void A_cluster_runs_one_relay_with_a_secret_probes_and_a_closed_network()
    {
        var policy = Read("kubernetes/network-policy.yaml");

        Pod.Should()
            .Contain("replicas: 1\n")
            .And.Contain("type: Recreate")
            .And.Contain("claimName: claude-relay")
            .And.Contain("path: /health\n")
            .And.Contain("path: /health/ready\n");
        Regex
            .Count(Pod, @"- name: Host\s+value: localhost", RegexOptions.None, TimeSpan.FromSeconds(1))
            .Should()
            .Be(2, "the relay answers to its own names only, and the kubelet asks by address");
        Pod.Should().MatchRegex(@"secretKeyRef:\s+name: claude-relay\s+key: CLAUDE_CODE_OAUTH_TOKEN");
        Read("kubernetes/kustomization.yaml").Should().Contain("secret generic claude-relay --from-literal=CLAUDE_CODE_OAUTH_TOKEN=");
        Read("kubernetes/storage.yaml")
            .Should()
            .Contain("kind: PersistentVolumeClaim")
            .And.Contain("name: claude-relay")
            .And.Contain("ReadWriteOnce");
        Regex
            .Matches(
                policy[policy.IndexOf("egress:", StringComparison.Ordinal)..],
                @"port: (?<port>\d+)",
                RegexOptions.ExplicitCapture,
                TimeSpan.FromSeconds(1)
            )
            .Select(match => match.Groups["port"].Value)
            .Distinct(StringComparer.Ordinal)
            .Should()
            .BeEquivalentTo("53", "443");
        policy.Should().Contain("policyTypes: [Ingress, Egress]").And.Contain("169.254.0.0/16");
    }

    [Fact]
    public void Actions_are_pinned_by_hash_and_one_version_of_each()
    {
        var used = Directory
            .EnumerateFiles(Checkout.PathOf(".github", "workflows"))
            .Append(Checkout.PathOf("deploy", "github", "deploy.yml"))
            .SelectMany(File.ReadLines)
            .Where(line => line.Contains("uses:", StringComparison.Ordinal))
            .Select(line => line[(line.IndexOf("uses:", StringComparison.Ordinal) + 5)..].Trim())
            .ToList();

        used.Should().NotBeEmpty().And.OnlyContain(action => PinnedAction().IsMatch(action));
        used.Distinct(StringComparer.Ordinal)
            .GroupBy(action => action.Split('@')[0], StringComparer.Ordinal)
            .Should()
            .OnlyContain(versions => versions.Count() == 1);
    }

    internal static string Read(string file) => File.ReadAllText(Checkout.PathOf("deploy", file));

    /// <summary>The matches of the group <c>s</c> of a pattern.</summary>
    internal static IReadOnlyList<string> Find(string text, string pattern) =>
        [
            .. Regex
                .Matches(text, pattern, RegexOptions.ExplicitCapture | RegexOptions.Multiline, TimeSpan.FromSeconds(1))
                .Select(match => match.Groups["s"].Value),
        ];

    [GeneratedRegex(
        @"^\s+(?<name>[A-Z][A-Za-z_]+):",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex ComposeVariable();

    [GeneratedRegex(
        @"- name: (?<name>[A-Z][A-Z_]+)$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex PodVariable();

    [GeneratedRegex(
        @"(ENV|^)\s+(?<name>[A-Za-z_]+)=",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex ImageVariable();

    [GeneratedRegex(@"^actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PinnedAction();
}
