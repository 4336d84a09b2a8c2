using System.Diagnostics;
using Relay.Application.Completions;
using Relay.Application.Quotas;

namespace Relay.UnitTests.Deployment;

/// <summary>
/// The files for several relays give each relay its own names and directories, and all of them one Redis that keeps its data.
/// </summary>
public sealed class FleetFileTests
{
    private static readonly string Compose = DeploymentFileTests.Read("compose.fleet.yaml");
    private static readonly string Relays = DeploymentFileTests.Read("kubernetes/fleet/relays.yaml");
    private static readonly string Redis = DeploymentFileTests.Read("kubernetes/fleet/redis.yaml");
    private static readonly string RedisSettings = DeploymentFileTests.Read("redis/redis.conf");
    private static readonly string Balancer = DeploymentFileTests.Read("proxy/haproxy.cfg");

    [Fact]
    public void Each_relay_has_a_name_a_home_and_a_login_of_its_own()
    {
        var names = Find(Compose, @"^  (?<s>relay-\d):\n    <<: \*relay");
        names.Should().HaveCount(3);
        foreach (var (name, number) in names.Select(name => (name, name[^1])))
        {
            Compose
                .Should()
                .Contain($"RELAY_NAME: {name}\n")
                .And.Contain($"CLAUDE_CODE_OAUTH_TOKEN: ${{CLAUDE_CODE_OAUTH_TOKEN_{number}:?")
                .And.Contain($"volumes: [\"{name}:/data\"]");
        }

        Relays
            .Should()
            .MatchRegex(@"- name: RELAY_NAME\s+valueFrom:\s+fieldRef:\s+fieldPath: metadata.name")
            .And.Contain("subPathExpr: $(RELAY_NAME)");
        Relays[Relays.IndexOf("volumeClaimTemplates:", StringComparison.Ordinal)..].Should().Contain("name: home");
        var logins = Find(DeploymentFileTests.Read("kubernetes/fleet/kustomization.yaml"), @"--from-literal=(?<s>claude-relay-\d)=");
        logins
            .Should()
            .Equal(
                Enumerable.Range(0, int.Parse(Find(Relays, @"replicas: (?<s>\d+)").Single())).Select(ordinal => $"claude-relay-{ordinal}")
            );
    }

    [Fact]
    public void A_relay_of_the_cluster_is_started_by_tini_with_the_login_of_its_file_and_not_without()
    {
        using var home = new TemporaryHome();
        Relays.Should().MatchRegex(@"command:\s+- /usr/bin/tini\s+- ""--""\s+- /bin/sh\s+- ""-c""");
        var script = Find(Relays, @"- \|\n\s+(?<s>.*claude-relay)$").Single();
        script.Should().Contain("/run/login/token");
        File.WriteAllText(home.File("claude-relay"), "#!/bin/sh\necho \"started with $CLAUDE_CODE_OAUTH_TOKEN\"\n");
        File.SetUnixFileMode(home.File("claude-relay"), UnixFileMode.UserRead | UnixFileMode.UserExecute);

        Run().Should().Be(string.Empty);
        File.WriteAllText(home.File("token"), "sk-ant-oat-of-this-one\n");
        Run().Should().Be("started with sk-ant-oat-of-this-one\n");

        string Run()
        {
            var start = new ProcessStartInfo(
                "/bin/sh",
                ["-c", script.Replace("/run/login/token", home.File("token"), StringComparison.Ordinal)]
            )
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            };
            start.Environment["PATH"] = $"{home.Home.Path}:/usr/bin:/bin";
            using var shell = Process.Start(start)!;
            var output = shell.StandardOutput.ReadToEnd();
            shell.WaitForExit();
            return output;
        }
    }

    [Fact]
    public void Redis_keeps_what_it_acknowledged_evicts_nothing_and_has_room_to_write_it_anew()
    {
        RedisSettings
            .Should()
            .Contain("\nappendonly yes\n")
            .And.Contain("\nappendfsync everysec\n")
            .And.Contain("\nmaxmemory-policy noeviction\n");
        var most = int.Parse(Find(RedisSettings, @"^maxmemory (?<s>\d+)mb$").Single());

        most.Should().BeLessThanOrEqualTo(512);
        Compose.Should().Contain("\"redis:/data\"").And.Contain("\"./redis:/etc/redis:ro\"").And.Contain("mem_limit: 1g\n");
        Redis
            .Should()
            .Contain("memory: 1Gi")
            .And.Contain("mountPath: /data")
            .And.Contain("mountPath: /etc/redis")
            .And.Contain("workingDir: /data");
        Redis[Redis.IndexOf("volumeClaimTemplates:", StringComparison.Ordinal)..].Should().Contain("name: data");
        Redis
            .Should()
            .Contain("readOnlyRootFilesystem: true")
            .And.Contain("drop: [ALL]")
            .And.Contain("runAsNonRoot: true")
            .And.Contain("allowPrivilegeEscalation: false");
        Service("redis").Should().Contain("<<: *hardened").And.Contain("user: \"999:999\"");
        Compose[..Compose.IndexOf("services:", StringComparison.Ordinal)]
            .Should()
            .Contain("read_only: true")
            .And.Contain("cap_drop: [ALL]")
            .And.Contain("no-new-privileges:true");
    }

    [Fact]
    public void Only_the_relays_reach_Redis_and_its_password_is_in_no_file()
    {
        Service("redis").Should().Contain("networks: [state]").And.NotContain("ports:");
        Service("balancer").Should().NotContain("networks:");
        Compose.Should().MatchRegex(@"\n  state:\n    internal: true\n");
        Find(Compose, @"ports: (?<s>.*)$").Should().Equal("[\"127.0.0.1:8800:8800\"]");
        Find(Compose, @"REDIS_PASSWORD(?<s>..)").Should().OnlyContain(next => next == ":?" || next == ": " || next == " (");

        var policies = DeploymentFileTests.Read("kubernetes/fleet/network-policy.yaml").Split("\n---\n");
        Find(policies[1], @"name: (?<s>.*)$").Should().Equal("claude-relay-redis", "claude-relay-redis", "claude-relay");
        policies[1].Should().EndWith("  egress: []\n").And.Contain("policyTypes: [Ingress, Egress]");
        Find(policies[1], @"port: (?<s>\d+)").Should().Equal("6379");
        Find(policies[0][policies[0].IndexOf("egress:", StringComparison.Ordinal)..], @"port: (?<s>\d+)")
            .Should()
            .Equal("6379", "53", "53", "443");
        policies[0].Should().Contain("169.254.0.0/16");
        foreach (var pod in (string[])[Relays, Redis])
        {
            pod.Should().MatchRegex(@"- name: REDIS_PASSWORD\s+valueFrom:\s+secretKeyRef:\s+name: claude-relay-redis\s+key: password");
        }

        Relays.Should().Contain("value: claude-relay-redis:6379,user=claude-relay,password=$(REDIS_PASSWORD)\n");
    }

    [Fact]
    public void The_balancer_repeats_only_what_reached_no_relay_or_only_reads_and_leaves_out_relays_that_are_not_ready()
    {
        Find(Balancer, @"^\s*retry-on (?<s>.*)$").Should().Equal("conn-failure empty-response");
        Balancer[Balancer.IndexOf("\nbackend relays\n", StringComparison.Ordinal)..]
            .Should()
            .MatchRegex(
                @"\n *http-request disable-l7-retry unless METH_GET\n",
                "of what may have been spent only the first kind is repeated"
            );
        Balancer
            .Should()
            .Contain("meth GET uri /health/ready")
            .And.Contain("expect status 200")
            .And.Contain("option allbackups")
            .And.Contain("resolve-opts allow-dup-ip");
        var relays = Find(Balancer, @"^\s*presetenv (?<s>RELAY_\d) ");
        relays.Should().HaveCount(3);
        Find(Balancer, @"^\s*server relay-\d ""\$\{(?<s>\w+)\}"" check$").Should().Equal(relays);
        Find(Balancer, @"^\s*server relay-\d-unready ""\$\{(?<s>\w+)\}"" backup$").Should().Equal(relays);

        var service = Service("balancer");
        Find(service, @"^\s*(?<s>RELAY_\d): relay-\d:").Should().Equal(relays);
        service.Should().Contain("BALANCER: \":8800\"").And.Contain("./proxy/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro");
        Find(Balancer, @"^\s*bind (?<s>.*)$").Should().Equal("\"${BALANCER}\"");
        var longest = new QuotaOptions().QueueTimeout + new CompletionOptions().RequestTimeout;
        Find(Balancer, @"timeout (client|server) (?<s>\d+)s")
            .Should()
            .HaveCount(2)
            .And.OnlyContain(seconds => TimeSpan.FromSeconds(int.Parse(seconds)) > longest);
    }

    [Fact]
    public void A_cluster_takes_one_relay_at_a_time_and_only_when_the_others_serve()
    {
        Relays
            .Should()
            .Contain("kind: StatefulSet")
            .And.Contain("podManagementPolicy: Parallel")
            .And.Contain("type: RollingUpdate")
            .And.Contain("topologyKey: kubernetes.io/hostname")
            .And.MatchRegex(@"kind: PodDisruptionBudget\n(.*\n)+?  maxUnavailable: 1\n")
            .And.Contain("path: /health\n")
            .And.Contain("path: /health/ready\n");
        Find(Relays, @"- name: Host\s+value: (?<s>\w+)").Should().Equal("localhost", "localhost");
        Relays.Should().Contain("ALLOWED_HOSTS\n              value: localhost,claude-relay,");
        Compose.Should().Contain("ALLOWED_HOSTS: localhost,127.0.0.1,balancer\n");
    }

    [Fact]
    public void Images_of_others_are_pinned_to_one_version_each()
    {
        var images = Find(Compose + Redis + Relays, @"image: (?<s>\S+)$")
            .Where(image => image != "claude-relay")
            .Distinct(StringComparer.Ordinal)
            .ToList();

        images.Should().HaveCount(2).And.OnlyContain(image => Find(image, @"^(?<s>(redis|haproxy):\d+\.\d+\.\d+(-[a-z]+)?)$").Count == 1);
    }

    private static IReadOnlyList<string> Find(string text, string pattern) => DeploymentFileTests.Find(text, pattern);

    /// <summary>A service of the compose file.</summary>
    private static string Service(string name)
    {
        var begin = Compose.IndexOf($"\n  {name}:\n", StringComparison.Ordinal);
        var next = Compose.IndexOf("\n\n", begin, StringComparison.Ordinal);
        return Compose[begin..next];
    }
}
