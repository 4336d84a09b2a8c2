using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Reflection;
using NetArchTest.Rules;

namespace Relay.UnitTests.Architecture;

/// <summary>Api and Cli → Application and Infrastructure → Application → Domain, and nothing else.</summary>
public sealed class LayerTests
{
    private static readonly string[] OperatingSystemApis =
    [
        "System.IO.File",
        "System.IO.Directory",
        "System.Net.Http",
        "System.Net.Sockets",
        "System.Diagnostics.Process",
        "Microsoft.AspNetCore",
        "Microsoft.Extensions.Hosting",
        "Serilog",
    ];

    [Fact]
    public void Domain_depends_on_the_base_class_library_and_nothing_else() =>
        Rule.ForEach(
            Solution.Domain.GetReferencedAssemblies(),
            reference => IsBaseClassLibrary(reference) ? null : reference.Name,
            "the domain takes no package and knows no other project"
        );

    [Fact]
    public void Application_knows_only_the_domain() => References(Solution.Application).Should().Equal("Relay.Domain");

    [Fact]
    public void Infrastructure_knows_the_application_and_the_domain() =>
        References(Solution.Infrastructure).Should().Equal("Relay.Application", "Relay.Domain");

    [Fact]
    public void Redis_knows_the_infrastructure_which_does_not_know_Redis() =>
        References(Solution.Redis).Should().Equal("Relay.Application", "Relay.Domain", "Relay.Infrastructure");

    [Fact]
    public void The_two_hosts_do_not_know_each_other()
    {
        References(Solution.Api).Should().Equal("Relay.Application", "Relay.Domain", "Relay.Infrastructure", "Relay.Redis");
        References(Solution.Cli).Should().Equal("Relay.Application", "Relay.Domain", "Relay.Infrastructure", "Relay.Redis");
    }

    [Fact]
    public void Application_touches_no_file_process_or_socket() =>
        Forbid(Types.InAssembly(Solution.Application), "ports are where the outside begins", OperatingSystemApis);

    [Fact]
    public void Domain_touches_no_file_process_or_socket() =>
        Forbid(Types.InAssembly(Solution.Domain), "rules live here as values", OperatingSystemApis);

    [Fact]
    public void Infrastructure_knows_nothing_of_HTTP_servers_but_for_the_gate() =>
        Forbid(
            Types.InAssembly(Solution.Infrastructure).That().DoNotResideInNamespace("Relay.Infrastructure.ApiGate"),
            "an adapter serves any host",
            "Microsoft.AspNetCore",
            "Serilog"
        );

    [Fact]
    public void Processes_know_nothing_of_Claude() =>
        Forbid(
            Types.InAssembly(Solution.Infrastructure).That().ResideInNamespace("Relay.Infrastructure.Processes"),
            "one folder per technology",
            "Relay.Infrastructure.ClaudeCode",
            "Relay.Infrastructure.KeyFile",
            "Relay.Infrastructure.Home",
            "Relay.Application"
        );

    [Fact]
    public void Key_file_audit_and_database_know_nothing_of_Claude() =>
        Forbid(
            Types
                .InAssembly(Solution.Infrastructure)
                .That()
                .ResideInNamespace("Relay.Infrastructure.KeyFile")
                .Or()
                .ResideInNamespace("Relay.Infrastructure.Auditing")
                .Or()
                .ResideInNamespace("Relay.Infrastructure.Sqlite")
                .Or()
                .ResideInNamespace("Relay.Infrastructure.Home"),
            "one folder per technology",
            "Relay.Infrastructure.ClaudeCode",
            "Relay.Infrastructure.Processes"
        );

    /// <summary>A type that connects by itself connects past the guard.</summary>
    [Fact]
    public void One_type_connects_to_where_a_caller_chose()
    {
        Type[] connecting =
        [
            typeof(Socket),
            typeof(TcpClient),
            typeof(UdpClient),
            typeof(Dns),
            typeof(HttpClient),
            typeof(HttpMessageInvoker),
            typeof(SocketsHttpHandler),
            typeof(HttpClientHandler),
            typeof(WebSocket),
        ];
        var found = Types
            .InAssemblies(Solution.All)
            .That()
            .HaveDependencyOnAny([.. connecting.Select(one => one.FullName!)])
            .GetTypes()
            .Select(Outer)
            .Distinct()
            .Select(type => type.Name);

        found
            .Should()
            .BeEquivalentTo(
                "GuardedConnector", // it is the one
                "NameLookUps", // looks up names for it, and connects to nothing
                "HostNetworksReader", // looks up one fixed name, and connects to nothing
                "FetchClient", // gives the client its handler, whose connections the guard makes
                "PageFetcher", // asks that client
                "ApiForwarder", // asks the API at the address of the settings
                "NetworkCheck", // relayctl looks up two fixed names, and connects to nothing
                "RelayProbe"
            ); // relayctl asks the relay's own address
    }

    [Fact]
    public void Fetching_and_HTML_know_nothing_of_Claude_or_of_each_other() =>
        Forbid(
            Types
                .InAssembly(Solution.Infrastructure)
                .That()
                .ResideInNamespace("Relay.Infrastructure.HttpFetching")
                .Or()
                .ResideInNamespace("Relay.Infrastructure.Html"),
            "one folder per technology",
            "Relay.Infrastructure.ClaudeCode",
            "Relay.Infrastructure.Processes",
            "Relay.Infrastructure.Sqlite",
            "Relay.Infrastructure.KeyFile"
        );

    [Fact]
    public void Only_the_composition_of_the_Api_knows_the_infrastructure() =>
        Forbid(
            Types.InAssembly(Solution.Api).That().ResideInNamespace("Relay.Api").And().DoNotResideInNamespace("Relay.Api.Hosting"),
            "controllers map, send, map",
            "Relay.Infrastructure",
            "Relay.Redis"
        );

    [Fact]
    public void Commands_run_without_a_web_server() =>
        Forbid(Types.InAssembly(Solution.Cli), "commands run without a web server", "Microsoft.AspNetCore");

    private static void Forbid(PredicateList types, string because, params string[] dependencies)
    {
        types.GetTypes().Should().NotBeEmpty("a rule that sees nothing proves nothing");
        Check(types.ShouldNot().HaveDependencyOnAny(dependencies).GetResult(), because);
    }

    private static void Forbid(Types types, string because, params string[] dependencies)
    {
        types.GetTypes().Should().NotBeEmpty("a rule that sees nothing proves nothing");
        Check(types.ShouldNot().HaveDependencyOnAny(dependencies).GetResult(), because);
    }

    private static void Check(NetArchTest.Rules.TestResult result, string because) =>
        (result.FailingTypes ?? []).Select(type => type.FullName).Should().BeEmpty(because);

    private static IEnumerable<string> References(Assembly assembly)
    {
        assembly.GetReferencedAssemblies().Should().NotBeEmpty();
        return assembly
            .GetReferencedAssemblies()
            .Select(reference => reference.Name!)
            .Where(name => name.StartsWith("Relay.", StringComparison.Ordinal) || name == "relayctl")
            .Order(StringComparer.Ordinal);
    }

    private static bool IsBaseClassLibrary(AssemblyName name) => name.Name!.StartsWith("System.", StringComparison.Ordinal);

    /// <summary>The type that a compiler's own type, of a lambda or a state machine, belongs to.</summary>
    private static Type Outer(Type type) => type.DeclaringType is { } outer ? Outer(outer) : type;
}
