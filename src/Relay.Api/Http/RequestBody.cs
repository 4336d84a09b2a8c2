using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using Relay.Application.Pipeline;
using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>Reads a JSON body: bounded, uncompressed and strict. Its errors name the mistake.</summary>
internal static class RequestBody
{
    /// <summary>
    /// Most values, names, objects and lists of one body together. The largest accepted conversation has half as many. A body of millions
    /// of them would take many times its bytes once it is read.
    /// </summary>
    internal const int MaxParts = 200_000;

    private static readonly JsonDocumentOptions DocumentOptions = new()
    {
        MaxDepth = JsonContract.Options.MaxDepth,
        AllowDuplicateProperties = false,
    };

    /// <summary>The body as a contract. Of a body above the bound nothing is kept, and Kestrel drains the rest for 5 s.</summary>
    public static Task<Result<T>> ReadJsonAsync<T>(this HttpRequest request, long maxBytes, CancellationToken cancellationToken)
        where T : class => request.ReadAsync(Parse<T>, maxBytes, cancellationToken);

    /// <summary>
    /// The body as an object whose fields are read later. The result of <paramref name="parse"/> must not hold the object, which is
    /// disposed of afterwards.
    /// </summary>
    public static Task<Result<T>> ReadObjectAsync<T>(
        this HttpRequest request,
        Func<JsonElement, Result<T>> parse,
        long maxBytes,
        CancellationToken cancellationToken
    )
        where T : class =>
        request.ReadAsync(
            body =>
            {
                try
                {
                    using var document = JsonDocument.Parse(WithoutMark(body), DocumentOptions);
                    return document.RootElement.ValueKind == JsonValueKind.Object ? parse(document.RootElement) : JsonProblems.NotAnObject;
                }
                catch (JsonException exception)
                {
                    return JsonProblems.Explain(exception);
                }
                catch (InvalidOperationException exception) when (JsonProblems.IsInvalidText(exception))
                {
                    // System.Text.Json throws this when it compares a name.
                    return new RelayError(ErrorCode.InvalidRequest, $"A name in the body {JsonText.Problem}");
                }
            },
            maxBytes,
            cancellationToken
        );

    /// <summary>The body's bytes, not parsed, with the same checks of type and size.</summary>
    public static Task<Result<byte[]>> ReadBytesAsync(this HttpRequest request, long maxBytes, CancellationToken cancellationToken) =>
        request.ReadAsync<byte[]>(body => body.ToArray(), maxBytes, cancellationToken);

    private static async Task<Result<T>> ReadAsync<T>(
        this HttpRequest request,
        Func<ReadOnlySequence<byte>, Result<T>> parse,
        long maxBytes,
        CancellationToken cancellationToken
    )
        where T : class
    {
        if (FindHeaderProblem(request, maxBytes) is { } problem)
        {
            return problem;
        }

        var context = request.HttpContext;
        var room = BodyRoom.Of(
            context,
            context.RequestServices.GetRequiredService<BodyBudget>(),
            context.Features.GetRequiredFeature<RequestContext>()
        );
        var keepsRoom = false;
        try
        {
            var result = await ReadAsync(request.BodyReader, parse, room, maxBytes, cancellationToken);
            keepsRoom = result.Error is null;
            return result;
        }
        catch (IOException exception) when (exception is BadHttpRequestException || exception.InnerException is OverflowException)
        {
            // Kestrel throws an OverflowException for a chunk whose size exceeds 64 bits.
            return new RelayError(ErrorCode.InvalidRequest, $"The body did not arrive whole: {exception.Message}");
        }
        finally
        {
            if (!keepsRoom)
            {
                room.Dispose();
            }
        }
    }

    private static async Task<Result<T>> ReadAsync<T>(
        PipeReader reader,
        Func<ReadOnlySequence<byte>, Result<T>> parse,
        BodyRoom room,
        long maxBytes,
        CancellationToken cancellationToken
    )
        where T : class
    {
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            if (read.Buffer.Length > maxBytes)
            {
                reader.AdvanceTo(read.Buffer.End);
                return TooLarge(maxBytes);
            }

            if (!room.TryGrowTo(read.Buffer.Length))
            {
                reader.AdvanceTo(read.Buffer.End);
                return BodyBudget.Full;
            }

            if (read.IsCompleted)
            {
                var body = HasTooManyParts(read.Buffer) ? TooManyParts : parse(read.Buffer);
                reader.AdvanceTo(read.Buffer.End);
                return body;
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>Counts without keeping anything. The parser reports invalid JSON.</summary>
    private static bool HasTooManyParts(ReadOnlySequence<byte> body)
    {
        var reader = new Utf8JsonReader(WithoutMark(body), ReaderOptions);
        try
        {
            var parts = 0;
            while (reader.Read())
            {
                if (reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray) && ++parts > MaxParts)
                {
                    return true;
                }
            }
        }
        catch (JsonException)
        {
            return false;
        }

        return false;
    }

    private static RelayError? FindHeaderProblem(HttpRequest request, long maxBytes)
    {
        if (!StringValues.IsNullOrEmpty(request.Headers.ContentEncoding) && request.Headers.ContentEncoding != "identity")
        {
            return new RelayError(ErrorCode.UnsupportedMediaType, "Send the body uncompressed: Content-Encoding is not supported.");
        }

        var isJson =
            MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            && (type.Charset.Length == 0 || IsUtf8(HeaderUtilities.RemoveQuotes(type.Charset)));
        if (!isJson)
        {
            return new RelayError(ErrorCode.UnsupportedMediaType, "Send JSON in UTF-8, with 'Content-Type: application/json'.");
        }

        return request.ContentLength > maxBytes ? TooLarge(maxBytes) : null;
    }

    /// <summary>Whether it is UTF-8, by its name, or by the name without the hyphen, which many clients write.</summary>
    private static bool IsUtf8(StringSegment charset) =>
        charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || charset.Equals("utf8", StringComparison.OrdinalIgnoreCase);

    private static JsonReaderOptions ReaderOptions { get; } = new() { MaxDepth = JsonContract.Options.MaxDepth };

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private static Result<T> Parse<T>(ReadOnlySequence<byte> body)
        where T : class
    {
        try
        {
            var reader = new Utf8JsonReader(WithoutMark(body), ReaderOptions);
            if (JsonSerializer.Deserialize<T>(ref reader, JsonContract.Options) is not { } contract)
            {
                return JsonProblems.NotAnObject;
            }

            return reader.Read() ? JsonProblems.NotAnObject : contract;
        }
        catch (JsonException exception)
        {
            return JsonProblems.Explain(exception);
        }
    }

    /// <summary>The body without an invisible byte order mark, which Windows editors write.</summary>
    private static ReadOnlySequence<byte> WithoutMark(ReadOnlySequence<byte> body) =>
        new SequenceReader<byte>(body).IsNext(ByteOrderMark) ? body.Slice(ByteOrderMark.Length) : body;

    private static RelayError TooManyParts { get; } =
        new(ErrorCode.TooLarge, $"The body holds more than {MaxParts} values and names. Join neighbouring texts into one.");

    private static RelayError TooLarge(long maxBytes) =>
        new(ErrorCode.TooLarge, $"The body is larger than the {maxBytes} bytes this relay takes.");
}
