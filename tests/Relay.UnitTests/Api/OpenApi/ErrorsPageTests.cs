using Relay.Api.Anthropic;
using Relay.Api.Http;
using Relay.Api.OpenAi;
using Relay.Domain;

namespace Relay.UnitTests.Api.OpenApi;

/// <summary>The table of docs/errors.md says what the code does.</summary>
public sealed class ErrorsPageTests
{
    [Fact]
    public void Every_code_is_there_once_with_its_statuses_its_words_and_whether_to_try_again()
    {
        var written = File.ReadLines(Checkout.PathOf("docs", "errors.md"))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries))
            .ToList();

        written.Should().AllSatisfy(cells => cells.Should().HaveCount(8).And.NotContain(string.Empty));
        written
            .Select(cells => string.Join(" | ", [.. cells[..4], cells[6]]))
            .Should()
            .BeEquivalentTo(Enum.GetValues<ErrorCode>().Select(Row));
    }

    private static string Row(ErrorCode code)
    {
        var error = new RelayError(code, "m");
        var openAi = OpenAiError.From(error).Error;
        return string.Join(
            " | ",
            $"`{error.WireName}`",
            $"{ErrorResponse.StatusOf(code)}",
            $"{ErrorResponse.StatusOf(code, ApiSurface.OpenAi)} `{openAi.Type}` `{openAi.Code}`",
            $"{ErrorResponse.StatusOf(code, ApiSurface.Anthropic)} `{AnthropicError.From(error, "r").Error.Type}`",
            ErrorResponse.IsWorthRetrying(code) ? "yes" : "no"
        );
    }
}
