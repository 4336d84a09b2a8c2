using System.Text.Json;

namespace Relay.EndToEndTests.Harness;

/// <summary>The one shape of every failure.</summary>
internal static class ErrorAnswer
{
    /// <summary>Checks it; a code or a field that is null is not looked at.</summary>
    public static void Check(RelayAnswer answer, int status, string? code, string? field)
    {
        answer.Status.Should().Be(status, answer.Body);
        answer.Json.ValueKind.Should().Be(JsonValueKind.Object);
        answer.Json.EnumerateObject().Select(member => member.Name).Should().Equal("ok", "error", "request_id");
        answer.Json.GetProperty("ok").GetBoolean().Should().BeFalse();
        answer
            .Json.GetProperty("request_id")
            .GetString()
            .Should()
            .Be(answer.Headers.GetValues("X-Request-Id").Single())
            .And.MatchRegex("^req_[0-9a-f]{24}$");
        answer
            .Json.GetProperty("error")
            .GetProperty("message")
            .GetString()
            .Should()
            .NotBeNullOrEmpty()
            .And.NotContain("System.")
            .And.NotContain("Relay.Api");
        if (code is not null)
        {
            answer.ErrorCode.Should().Be(code, answer.Body);
        }

        if (field is not null)
        {
            answer.Json.GetProperty("error").GetProperty("field").GetString().Should().Be(field);
            answer.Json.GetProperty("error").GetProperty("message").GetString().Should().ContainEquivalentOf(field);
        }
    }
}
