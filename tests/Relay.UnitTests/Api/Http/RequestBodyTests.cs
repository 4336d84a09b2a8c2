using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Relay.Api.Completions;
using Relay.Api.Http;
using Relay.Application.Pipeline;
using Relay.Application.Serving;
using Relay.Domain;

namespace Relay.UnitTests.Api.Http;

public sealed class RequestBodyTests
{
    private const int MaxBytes = 1000;

    [Fact]
    public async Task A_good_body_becomes_a_contract() =>
        (await ReadAsync("""{"prompt":"hi","system":"be brief","model":"opus","output_format":"json"}"""))
            .Value.Should()
            .Be(new CompleteBody("hi", "be brief", "opus", "json"));

    [Fact]
    public async Task A_missing_or_null_field_is_null() =>
        (await ReadAsync("""{"prompt":"hi","system":null}""")).Value.Should().Be(new CompleteBody("hi", null, null, null));

    [Theory]
    [InlineData("\\u0000\\u2028\\ud83d\\ude00", "\0\u2028😀")]
    [InlineData("ä€😀", "ä€😀")]
    public async Task Text_arrives_as_it_was_meant(string json, string text) =>
        (await ReadAsync($$"""{"prompt":"{{json}}"}""")).Value.Prompt.Should().Be(text);

    [Theory]
    [InlineData("""{"prompt":"hi","color":"red"}""", "color", "is not a field")]
    [InlineData("""{"prompt":"hi","Prompt":"ho"}""", "Prompt", "is not a field")]
    [InlineData("""{"prompt":"hi","":1}""", "", "is not a field")]
    [InlineData("""{"prompt":"hi","my field":1}""", "my field", "is not a field")]
    [InlineData("""{"prompt":"hi","a.b":1}""", "a.b", "is not a field")]
    [InlineData("""{"prompt":"hi","prompt":"ho"}""", "prompt", "appears twice")]
    [InlineData("""{"prompt":"hi","\u0070rompt":"ho"}""", "prompt", "appears twice")]
    [InlineData("""{"prompt":1}""", "prompt", "wrong type")]
    [InlineData("""{"prompt":["hi"]}""", "prompt", "wrong type")]
    [InlineData("""{"prompt":{"text":"hi"}}""", "prompt", "wrong type")]
    [InlineData("""{"prompt":true}""", "prompt", "wrong type")]
    [InlineData("""{"prompt":"hi","system":5}""", "system", "wrong type")]
    [InlineData("""{"prompt":"hi","output_format":1}""", "output_format", "wrong type")]
    [InlineData("""{"prompt":"\ud83d"}""", "prompt", "surrogate")]
    [InlineData("""{"prompt":"\ude00\ud83d"}""", "prompt", "surrogate")]
    public async Task A_wrong_field_is_named(string json, string field, string words)
    {
        var error = (await ReadAsync(json)).Error!;

        (error.Code, error.Field).Should().Be((ErrorCode.InvalidRequest, field));
        error.Message.Should().Contain(words);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("{")]
    [InlineData("{\"prompt\":\"hi\"")]
    [InlineData("{\"prompt\":\"hi\",}")]
    [InlineData("{'prompt':'hi'}")]
    [InlineData("{\"prompt\":\"two\nlines\"}")]
    [InlineData("{\"prompt\":\"\\x\"}")]
    [InlineData("// comment\n{}")]
    [InlineData("prompt=hi")]
    [InlineData("<html>")]
    [InlineData("NaN")]
    [InlineData("{} {}")]
    [InlineData("{}]")]
    [InlineData("{\"prompt\":\"hi\"} trailing")]
    [InlineData("\0")]
    public async Task The_error_says_that_the_body_is_not_JSON(string body) =>
        (await ReadAsync(body))
            .Error.Should()
            .Match<RelayError>(error => error.Code == ErrorCode.InvalidJson && error.Field == null && error.Message.Length > 20);

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("5")]
    [InlineData("true")]
    [InlineData("[{\"prompt\":\"hi\"}]")]
    public async Task JSON_that_is_no_object_is_told_as_such(string body) =>
        (await ReadAsync(body)).Error.Should().Be(new RelayError(ErrorCode.InvalidJson, "The body must be one JSON object."));

    [Theory]
    [InlineData(new byte[] { (byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)':', (byte)'1', (byte)'}' })]
    [InlineData(new byte[] { 0xFF, 0xFE, (byte)'{', 0, (byte)'}', 0 })]
    public async Task Broken_UTF_8_is_an_error_and_no_exception(byte[] body) => (await ReadAsync(body)).Error.Should().NotBeNull();

    [Fact]
    public async Task Broken_UTF_8_in_a_prompt_is_named()
    {
        var error = (await ReadAsync([.. "{\"prompt\":\""u8, 0xC3, 0x28, .. "\"}"u8])).Error!;

        (error.Code, error.Field).Should().Be((ErrorCode.InvalidRequest, "prompt"));
    }

    [Theory]
    [InlineData(65, "[", "]")]
    [InlineData(10_000, "[", "]")]
    [InlineData(10_000, "{\"a\":", "}")]
    [InlineData(10_000, "[", "")]
    public async Task Ten_thousand_levels_are_an_error_and_no_crash(int levels, string open, string close)
    {
        var nested = string.Concat(Enumerable.Repeat(open, levels)) + "1" + string.Concat(Enumerable.Repeat(close, levels));

        (await ReadAsync($$"""{"prompt":{{nested}}}""", maxBytes: 1_000_000))
            .Error!.Code.Should()
            .BeOneOf(ErrorCode.InvalidJson, ErrorCode.InvalidRequest);
        (await ReadAsync(nested, maxBytes: 1_000_000)).Error!.Code.Should().BeOneOf(ErrorCode.InvalidJson, ErrorCode.InvalidRequest);
    }

    [Fact]
    public async Task A_body_of_exactly_the_limit_is_read_and_one_byte_more_is_too_large()
    {
        var frame = """{"prompt":""}""".Length;

        (await ReadAsync($$"""{"prompt":"{{new string('a', MaxBytes - frame)}}"}""")).Error.Should().BeNull();
        (await ReadAsync($$"""{"prompt":"{{new string('a', MaxBytes - frame + 1)}}"}""")).Error!.Code.Should().Be(ErrorCode.TooLarge);
    }

    [Theory]
    [InlineData(RequestBody.MaxParts, ErrorCode.InvalidRequest)]
    [InlineData(RequestBody.MaxParts + 1, ErrorCode.TooLarge)]
    public async Task A_body_of_very_many_parts_is_not_read(int parts, ErrorCode code)
    {
        // The body, its name and its list are parts, too.
        var body = $$"""{"prompt":[{{string.Join(',', Enumerable.Repeat("1", parts - 3))}}]}""";

        (await ReadAsync(body, maxBytes: 1_000_000)).Error!.Code.Should().Be(code);
    }

    [Fact]
    public async Task A_body_that_says_it_is_too_large_is_not_read_at_all()
    {
        var body = new Pieces([]);
        var request = Request(body);
        request.ContentLength = MaxBytes + 1;

        var result = await request.ReadJsonAsync<CompleteBody>(MaxBytes, Waiting.Token);

        result.Error!.Code.Should().Be(ErrorCode.TooLarge);
        body.Reads.Should().Be(0);
    }

    [Fact]
    public async Task A_body_without_a_length_is_read_no_further_than_the_limit()
    {
        var body = new Pieces(Enumerable.Repeat(new byte[500], 1000));

        (await Request(body).ReadJsonAsync<CompleteBody>(MaxBytes, Waiting.Token)).Error!.Code.Should().Be(ErrorCode.TooLarge);
        body.Reads.Should().BeLessThan(10);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("Application/JSON")]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/json;charset=UTF-8")]
    [InlineData("application/json; charset=utf8")]
    [InlineData("application/json; charset=\"UTF8\"")]
    public async Task JSON_in_UTF_8_is_taken(string contentType) =>
        (await ReadAsync("""{"prompt":"hi"}""", contentType: contentType)).Error.Should().BeNull();

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/jsonp")]
    [InlineData("json")]
    [InlineData("*/*")]
    public async Task Another_content_type_is_refused(string? contentType) =>
        (await ReadAsync("""{"prompt":"hi"}""", contentType: contentType)).Error!.Code.Should().Be(ErrorCode.UnsupportedMediaType);

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("gzip, identity")]
    public async Task A_compressed_body_is_refused(string encoding)
    {
        var request = Request(new MemoryStream("{}"u8.ToArray()));
        request.Headers.ContentEncoding = encoding;

        (await request.ReadJsonAsync<CompleteBody>(MaxBytes, Waiting.Token)).Error!.Code.Should().Be(ErrorCode.UnsupportedMediaType);
    }

    [Fact]
    public async Task A_name_from_the_caller_is_repeated_briefly_and_without_control_characters()
    {
        var error = (await ReadAsync($$"""{"evil\u001b[31m{{new string('x', 500)}}":1}""")).Error!;

        error.Message.Length.Should().BeLessThan(200);
        error.Message.Should().NotContain("\u001b");
        error.Field!.Length.Should().BeLessThan(100);
    }

    [Fact]
    public async Task No_message_names_a_type_of_the_program()
    {
        string[] bodies = ["", "[]", "{", """{"prompt":1}""", """{"x":1}""", """{"prompt":"a","prompt":"b"}""", """{"prompt":"\ud83d"}"""];

        foreach (var body in bodies)
        {
            (await ReadAsync(body)).Error!.Message.Should().NotContainAny("System", "Relay.", "CompleteBody", "Path:", "LineNumber");
        }
    }

    [Fact]
    public async Task A_caller_that_leaves_ends_the_wait_for_its_body()
    {
        using var left = new CancellationTokenSource();
        var pipe = new System.IO.Pipelines.Pipe();
        var reading = Request(pipe.Reader.AsStream()).ReadJsonAsync<CompleteBody>(MaxBytes, left.Token);
        reading.IsCompleted.Should().BeFalse();

        await left.CancelAsync();

        await ((Func<Task>)(() => reading.InTime())).Should().ThrowAsync<OperationCanceledException>();
    }

    private static Task<Result<CompleteBody>> ReadAsync(string body, string? contentType = "application/json", long maxBytes = MaxBytes) =>
        ReadAsync(Encoding.UTF8.GetBytes(body), contentType, maxBytes);

    [Fact]
    public async Task All_bodies_together_take_no_more_than_the_budget_and_each_gives_its_room_back()
    {
        var budget = Budget();
        var body = Encoding.UTF8.GetBytes($$"""{"prompt":"{{new string('a', 900)}}"}""");
        foreach (var other in (string[])["a", "b", "c"])
        {
            budget.TryTake(other, 8 * MaxBytes).Should().BeTrue();
            budget.TryTake(other, 1).Should().BeFalse("one key has a quarter");
        }

        budget.TryTake("d", (8 * MaxBytes) - 500).Should().BeTrue();

        var refused = await Request(new MemoryStream(body), budget: budget).ReadJsonAsync<CompleteBody>(MaxBytes, Waiting.Token).InTime();
        budget.GiveBack("d", 500);
        var request = Request(new MemoryStream(body), budget: budget);
        var taken = await request.ReadJsonAsync<CompleteBody>(MaxBytes, Waiting.Token).InTime();
        var waiting = await Request(new MemoryStream(body), budget: budget).ReadJsonAsync<CompleteBody>(MaxBytes, Waiting.Token).InTime();
        request.HttpContext.Features.GetRequiredFeature<RequestContext>().Admit();
        var again = await Request(new MemoryStream(body), budget: budget).ReadJsonAsync<CompleteBody>(MaxBytes, Waiting.Token).InTime();

        refused.Error!.Code.Should().Be(ErrorCode.QueueFull);
        refused.Error.RetryAfter.Should().BePositive();
        (taken.Error, waiting.Error?.Code, again.Error)
            .Should()
            .Be((null, ErrorCode.QueueFull, null), "a body keeps its room until its request has a place");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{\"unknown\":1}")]
    public async Task A_body_that_is_refused_gives_its_room_back(string body)
    {
        var budget = Budget();
        budget.TryTake("a", 8 * MaxBytes).Should().BeTrue();
        budget.TryTake("b", 8 * MaxBytes).Should().BeTrue();
        budget.TryTake("c", 8 * MaxBytes).Should().BeTrue();
        budget.TryTake("d", (8 * MaxBytes) - body.Length).Should().BeTrue();

        for (var times = 0; times < 3; times++)
        {
            (
                await Request(new MemoryStream(Encoding.UTF8.GetBytes(body)), budget: budget)
                    .ReadJsonAsync<CompleteBody>(MaxBytes, Waiting.Token)
                    .InTime()
            )
                .Error!.Code.Should()
                .NotBe(ErrorCode.QueueFull);
        }
    }

    [Theory]
    [InlineData("""{"\ud800":1,"model":"opus"}""")]
    [InlineData("""{"model":"opus","messages":[{"role":"user","\udc00":1,"content":"hi"}]}""")]
    [InlineData("""{"model":"opus","model":"haiku"}""")]
    [InlineData("""{"model":"opus","messages":[{"role":"user","role":"user","content":"hi"}]}""")]
    [InlineData("""{"model":"opus","messages":[],}""")]
    [InlineData("[]")]
    public async Task A_body_that_is_no_good_object_is_an_error_and_no_exception(string body) =>
        (
            await Request(new MemoryStream(Encoding.UTF8.GetBytes(body)))
                .ReadObjectAsync(root => Relay.Api.OpenAi.ChatCompletionBody.Parse(root, Any.ModelNames()), MaxBytes, Waiting.Token)
                .InTime()
        )
            .Error!.Code.Should()
            .BeOneOf(ErrorCode.InvalidRequest, ErrorCode.InvalidJson);

    [Fact]
    public async Task A_body_that_is_read_again_from_memory_has_the_same_room()
    {
        var budget = Budget();
        var body = Encoding.UTF8.GetBytes($$"""{"prompt":"{{new string('a', 900)}}"}""");
        var request = Request(new MemoryStream(body), budget: budget);
        var key = request.HttpContext.Features.GetRequiredFeature<RequestContext>().Caller.Id;
        budget.TryTake(key, (8 * MaxBytes) - body.Length).Should().BeTrue();

        var bytes = await request.ReadBytesAsync(MaxBytes, Waiting.Token).InTime();
        request.Body = new MemoryStream(bytes.Value);

        (await request.ReadJsonAsync<CompleteBody>(MaxBytes, Waiting.Token).InTime()).Error.Should().BeNull();
    }

    private static Task<Result<CompleteBody>> ReadAsync(byte[] body, string? contentType = "application/json", long maxBytes = MaxBytes) =>
        Request(new MemoryStream(body), contentType, Budget(maxBytes)).ReadJsonAsync<CompleteBody>(maxBytes, Waiting.Token).InTime();

    private static BodyBudget Budget(long maxBytes = MaxBytes) => new(Options.Create(new ServerOptions { MaxBodyBytes = maxBytes }));

    private static HttpRequest Request(Stream body, string? contentType = "application/json", BodyBudget? budget = null)
    {
        var services = new ServiceCollection().AddSingleton(budget ?? Budget()).BuildServiceProvider();
        var context = new DefaultHttpContext { RequestServices = services };
        context.Features.Set(Any.Context());
        var request = context.Request;
        request.Body = body;
        request.ContentType = contentType;
        return request;
    }
}
