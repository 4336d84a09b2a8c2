using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Http;

namespace Relay.UnitTests.Api.Http;

public sealed class JsonAnswersTests
{
    [Fact]
    public async Task An_answer_tells_its_length_and_comes_whole()
    {
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { Response = { Body = body } };

        await WriteAsync(context, new { some_text = new string('ä', 200_000), nothing = (string?)null }, 201);

        context.Response.StatusCode.Should().Be(201);
        context.Response.ContentType.Should().Be("application/json; charset=utf-8");
        context.Response.ContentLength.Should().Be(body.Length);
        Encoding.UTF8.GetString(body.ToArray()).Should().Be($$"""{"some_text":"{{new string('ä', 200_000)}}"}""");
    }

    [Fact]
    public async Task An_answer_that_is_cut_throws_instead_of_ending_politely()
    {
        using var left = new CancellationTokenSource();
        var context = new DefaultHttpContext { RequestAborted = left.Token, Response = { Body = new MemoryStream() } };
        await left.CancelAsync();

        await ((Func<Task>)(() => WriteAsync(context, new { text = "x" }))).Should().ThrowAsync<OperationCanceledException>();
    }

    private static Task WriteAsync(HttpContext context, object answer, int? status = null) =>
        new JsonAnswers().ExecuteAsync(new ActionContext { HttpContext = context }, new JsonResult(answer) { StatusCode = status });
}
