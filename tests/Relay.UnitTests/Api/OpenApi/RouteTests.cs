using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Relay.Api.Anthropic;
using Relay.Api.Authentication;
using Relay.Api.Dashboard;
using Relay.Api.Http;
using Relay.Api.OpenAi;
using Relay.Api.Quotas;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.OpenApiTests;

namespace Relay.UnitTests.Api.OpenApi;

/// <summary>The description has the relay's routes, all and no others, with the keys they ask for and the errors they can give.</summary>
public sealed class RouteTests
{
    private static readonly ApiDescription Description = Documents.Description;

    /// <summary>Codes that no route gives.</summary>
    private static readonly ErrorCode[] NeverAnswered = [ErrorCode.ClientClosed];

    [Fact]
    public void Every_route_is_described_and_nothing_else_is()
    {
        var routes = Documents.Routes.SelectMany(route => MethodsOf(route).Select(method => $"{method} {PathOf(route)}")).ToList();
        var described = Description.Operations.Select(route => $"{route.Method} {route.Path}").ToList();

        routes.Should().NotBeEmpty();
        routes
            .Except(described, StringComparer.Ordinal)
            .Should()
            .BeEmpty("every action has its answers as attributes (tests/OpenApi/README.md says how)");
        described.Except(routes, StringComparer.Ordinal).Should().BeEmpty("the description has no other routes");
    }

    [Fact]
    public void A_route_asks_for_the_key_and_the_scope_that_are_described() =>
        ForEachRoute(
            (route, operation) =>
            {
                var scope = route.Metadata.GetMetadata<RequireScopeAttribute>()?.Scope;
                var isOpen = route.Metadata.GetMetadata<IAllowAnonymous>() is not null;
                var takesSession = route.Metadata.GetMetadata<AcceptsSessionAttribute>() is not null;
                var security = operation["security"]!.AsArray().Select(way => way!.AsObject()).ToList();

                security
                    .Select(way => way.SingleOrDefault().Key ?? "nobody")
                    .Should()
                    .Equal(
                        (isOpen, takesSession) switch
                        {
                            (true, false) => [],
                            // Anybody may ask, and is told what concerns the key or the session; the way in that is empty is nobody's.
                            (true, true) => ["nobody", "bearer", "apiKey", "session"],
                            (false, true) => ["bearer", "apiKey", "session"],
                            (false, false) => ["bearer", "apiKey"],
                        }
                    );
                foreach (var way in security.Where(way => way.Count > 0))
                {
                    way.Single().Value!.AsArray().Select(name => name!.GetValue<string>()).Should().Equal(scope?.ToNames() ?? []);
                }

                Statuses(operation).Contains(401).Should().Be(!isOpen);
                Statuses(operation)
                    .Contains(403)
                    .Should()
                    .Be(scope is not null || takesSession, "what a session opens is closed to other pages");
            }
        );

    [Fact]
    public void A_route_that_spends_takes_an_idempotency_key_and_can_be_at_its_limits() =>
        ForEachRoute(
            (route, operation) =>
            {
                var spends = route.Metadata.GetMetadata<SpendsQuotaAttribute>() is not null;

                (operation["parameters"]?.AsArray() ?? [])
                    .Any(parameter => Description.Resolve(parameter!)["name"]!.GetValue<string>() == "Idempotency-Key")
                    .Should()
                    .Be(spends);
                if (spends)
                {
                    CodesOf(operation)
                        .Select(error => error.Code)
                        .Should()
                        .Contain([
                            ErrorCode.IdempotencyInFlight,
                            ErrorCode.IdempotencyMismatch,
                            ErrorCode.RateLimited,
                            ErrorCode.DailyLimit,
                            ErrorCode.QueueFull,
                        ]);
                }
            }
        );

    [Fact]
    public void A_route_that_reads_a_body_can_refuse_it() =>
        ForEachRoute(
            (_, operation) =>
            {
                ErrorCode[] ofBodies = [ErrorCode.InvalidJson, ErrorCode.TooLarge, ErrorCode.UnsupportedMediaType];

                CodesOf(operation)
                    .Select(error => error.Code)
                    .Intersect(ofBodies)
                    .Should()
                    .HaveCount(operation["requestBody"] is null ? 0 : ofBodies.Length);
            }
        );

    [Fact]
    public void Every_route_can_be_asked_under_a_wrong_name_and_can_fail() =>
        ForEachRoute(
            (_, operation) =>
                CodesOf(operation).Select(error => error.Code).Should().Contain([ErrorCode.WrongHost, ErrorCode.InternalError])
        );

    [Fact]
    public void Every_error_has_the_status_and_the_words_of_its_routes_API()
    {
        ForEachRoute(
            (route, operation) =>
            {
                var surface = route.Metadata.GetMetadata<SpeaksAttribute>()?.Surface;
                foreach (var (status, code, response) in CodesOf(operation))
                {
                    // Looked at before any route: then a header decides.
                    Check(status, code, response, code == ErrorCode.WrongHost ? null : surface);
                }
            }
        );
        foreach (var (status, code, response) in CodesOf(new JsonObject { ["responses"] = Description.Root["x-unmatched"]!.DeepClone() }))
        {
            Check(status, code, response, surface: null);
        }
    }

    [Fact]
    public void Every_code_is_given_by_some_route()
    {
        var given = Description
            .Operations.SelectMany(route => CodesOf(route.Operation))
            .Concat(CodesOf(new JsonObject { ["responses"] = Description.Root["x-unmatched"]!.DeepClone() }))
            .Select(error => error.Code)
            .Distinct();

        given.Should().BeEquivalentTo(Enum.GetValues<ErrorCode>().Except(NeverAnswered));
    }

    private static void Check(int status, ErrorCode code, JsonObject response, ApiSurface? surface)
    {
        var schema = response["content"]!["application/json"]!["schema"]!;
        var withCost = (response["x-codes-with-cost"]?.AsArray() ?? []).Select(name => Code(name!)).ToList();
        var codes = response["x-codes"]!.AsArray().Select(name => Code(name!)).Concat(withCost).ToList();
        if (surface is { } one)
        {
            withCost.Where(paid => ErrorResponse.StatusOf(paid, one, hasCost: true) != status).Should().BeEmpty();
            status.Should().Be(ErrorResponse.StatusOf(code, one), $"{code} has it");
            CheckWords(schema, codes, one);
            return;
        }

        foreach (var (choice, spoken) in schema["oneOf"]!.AsArray().Zip([ApiSurface.Native, ApiSurface.Anthropic]))
        {
            status.Should().Be(ErrorResponse.StatusOf(code, spoken), $"{code} has it");
            CheckWords(choice!, codes, spoken);
        }
    }

    /// <summary>The words that a response lists are those its codes become.</summary>
    private static void CheckWords(JsonNode schema, IEnumerable<ErrorCode> codes, ApiSurface surface)
    {
        var errors = codes.Select(code => new RelayError(code, "m")).ToList();
        IEnumerable<string> Listed(string name) =>
            schema["allOf"]![1]!["properties"]!["error"]!["properties"]![name]!["enum"]!.AsArray().Select(word => word!.GetValue<string>());
        switch (surface)
        {
            case ApiSurface.Native:
                Listed("code").Should().Equal(errors.Select(error => error.WireName));
                break;
            case ApiSurface.OpenAi:
                Listed("code").Should().Equal(errors.Select(error => OpenAiError.From(error).Error.Code).Distinct(StringComparer.Ordinal));
                Listed("type").Should().Equal(errors.Select(error => OpenAiError.From(error).Error.Type).Distinct(StringComparer.Ordinal));
                break;
            case ApiSurface.Anthropic:
                Listed("type")
                    .Should()
                    .Equal(errors.Select(error => AnthropicError.From(error, "r").Error.Type).Distinct(StringComparer.Ordinal));
                break;
        }
    }

    private static void ForEachRoute(Action<RouteEndpoint, JsonObject> check)
    {
        var seen = 0;
        foreach (var route in Documents.Routes)
        {
            foreach (
                var operation in MethodsOf(route).Select(method => Description.FindOperation(method, PathOf(route))).OfType<JsonObject>()
            )
            {
                seen++;
                check(route, operation);
            }
        }

        seen.Should().BeGreaterThan(10);
    }

    private static IEnumerable<int> Statuses(JsonObject operation) =>
        operation["responses"]!.AsObject().Select(response => int.Parse(response.Key));

    private static IEnumerable<(int Status, ErrorCode Code, JsonObject Response)> CodesOf(JsonObject operation) =>
        from response in operation["responses"]!.AsObject()
        let described = Description.Resolve(response.Value!)
        from code in described["x-codes"]?.AsArray() ?? []
        select (int.Parse(response.Key), Code(code), described);

    private static ErrorCode Code(JsonNode name) =>
        Enum.GetValues<ErrorCode>().Single(code => new RelayError(code, "m").WireName == name.GetValue<string>());

    private static IReadOnlyList<string> MethodsOf(RouteEndpoint route) =>
        route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["ANY"];

    private static string PathOf(RouteEndpoint route) => "/" + route.RoutePattern.RawText!.TrimStart('/');
}
