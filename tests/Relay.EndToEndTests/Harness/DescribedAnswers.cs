using Relay.OpenApiTests;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// Compares every answer that a test gets through <see cref="RelayProgram.Http"/> with the description of the API: status and headers, and
/// the body, too, unless it is a stream. A test fails where its relay answers what is not described.
/// </summary>
internal sealed class DescribedAnswers(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <summary>The description, as this build serves it.</summary>
    public static ApiDescription Description { get; } = new(GeneratedDescription.Json);

    /// <summary>Fails where an answer is not what is described.</summary>
    public static void Check(SeenAnswer answer)
    {
        if (Description.FindProblems(answer) is { Count: > 0 } problems)
        {
            throw new UndescribedAnswerException(string.Join('\n', problems));
        }
    }

    /// <summary>An answer, as far as the description speaks of it.</summary>
    public static SeenAnswer See(HttpRequestMessage request, HttpResponseMessage response, string? body) =>
        new(
            request.Method.Method,
            request.RequestUri!.AbsolutePath,
            (int)response.StatusCode,
            response
                .Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
                .ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            body
        );

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        string? body = null;
        if (response.Content.Headers.ContentType?.MediaType == "application/json")
        {
            await response.Content.LoadIntoBufferAsync(cancellationToken);
            body = await response.Content.ReadAsStringAsync(cancellationToken);
        }

        Check(See(request, response, body));
        return response;
    }
}

/// <summary>The relay answered something that the description of the API does not have.</summary>
public sealed class UndescribedAnswerException(string message) : Exception(message);
