using System.ClientModel;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Anthropic;
using Anthropic.Models.Messages;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using OpenAI;
using OpenAI.Chat;
using Relay.Api.Http;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.EndToEndTests;

/// <summary>
/// Counts how often the official SDKs, LangChain and Vercel's AI SDK send one failing call, for each error of the compatible routes: none
/// makes several paid calls of the model out of it. Writes the table of docs/errors.md.
/// </summary>
public sealed class RetryTests : IAsyncLifetime
{
    private const string Begin = "<!-- retries -->\n";
    private const string End = "<!-- /retries -->";

    private static readonly string[] Surfaces = ["openai", "anthropic"];
    private static readonly string[] Clients = ["sdk", "dotnet", "langchain", "vercel"];

    /// <summary>Of the dashboard, of pages, and of those who have left: no client of these routes gets one.</summary>
    private static readonly ErrorCode[] Elsewhere =
    [
        ErrorCode.Conflict,
        ErrorCode.UrlRejected,
        ErrorCode.UnsupportedContentType,
        ErrorCode.FetchFailed,
        ErrorCode.ClientClosed,
    ];

    /// <summary>The errors of a request after Anthropic was asked.</summary>
    private static readonly ErrorCode[] MayCost =
    [
        ErrorCode.UnknownModel,
        ErrorCode.PromptTooLong,
        ErrorCode.UpstreamRateLimited,
        ErrorCode.InternalError,
        ErrorCode.UpstreamError,
        ErrorCode.SchemaNotSatisfied,
        ErrorCode.NotLoggedIn,
        ErrorCode.LockdownViolation,
        ErrorCode.Overloaded,
        ErrorCode.ShuttingDown,
        ErrorCode.Timeout,
    ];

    /// <summary>Limits that are used up for hours.</summary>
    private static readonly ErrorCode[] Long = [ErrorCode.DailyLimit, ErrorCode.GlobalDailyLimit, ErrorCode.UpstreamRateLimited];

    private static readonly ErrorCode[] Codes = [.. Enum.GetValues<ErrorCode>().Except(Elsewhere)];

    private readonly ConcurrentDictionary<string, int> _requests = new(StringComparer.Ordinal);
    private readonly WebApplication _failing;

    public RetryTests()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        _failing = builder.Build();
        _failing.Run(FailAsync);
    }

    public async ValueTask InitializeAsync() => await _failing.StartAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync() => await _failing.DisposeAsync();

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task No_client_makes_several_paid_calls_out_of_one()
    {
        await Task.WhenAll(RunNodeAsync(), RunDotnetAsync());

        foreach (var (surface, client) in from surface in Surfaces from client in Clients select (surface, client))
        {
            foreach (var code in MayCost)
            {
                Requests(surface, client, code, "paid").Should().Be(1, $"{client} of {surface} would pay for each after {code}");
            }
        }

        var file = Path.Combine(TestMachine.Root, "docs", "errors.md");
        var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, text.IndexOf(End, StringComparison.Ordinal));
        if (Environment.GetEnvironmentVariable("RELAY_APPROVE_DOCS") == "1")
        {
            await File.WriteAllTextAsync(file, text[..begin] + Table() + text[end..], TestContext.Current.CancellationToken);
            return;
        }

        text[begin..end].Should().Be(Table(), "RELAY_APPROVE_DOCS=1 writes it anew; read what changes");
    }

    private string Table()
    {
        var table = new StringBuilder(
            "| code | OpenAI: JavaScript | OpenAI: .NET | OpenAI: LangChain | OpenAI: Vercel | Anthropic: JavaScript | Anthropic: .NET "
                + "| Anthropic: LangChain | Anthropic: Vercel | paid calls |\n|---|---|---|---|---|---|---|---|---|---|\n"
        );
        foreach (var code in Codes)
        {
            var counts = from surface in Surfaces from client in Clients select Requests(surface, client, code, "free");
            table.Append(null, $"| {code.WireName()} | {string.Join(" | ", counts)} | {(MayCost.Contains(code) ? "at most 1" : "0")} |\n");
        }

        return table.ToString();
    }

    private int Requests(string surface, string client, ErrorCode code, string cost) =>
        _requests.GetValueOrDefault($"{surface}/{client}/{code.WireName()}/{cost}");

    /// <summary>Answers <c>/surface/client/code/cost/…</c> as the relay answers that error there, and counts.</summary>
    private Task FailAsync(HttpContext context)
    {
        var parts = context.Request.Path.Value!.Split('/');
        _requests.AddOrUpdate(string.Join('/', parts[1..5]), 1, (_, count) => count + 1);
        var surface = parts[1] == "openai" ? ApiSurface.OpenAi : ApiSurface.Anthropic;
        var (key, _) = ApiKey.Create(KeyLabel.Create("retries").Value, DateTimeOffset.UnixEpoch);
        context.SetEndpoint(new Endpoint(null, new EndpointMetadataCollection(new SpeaksAttribute(surface)), null));
        context.Features.Set(new RequestLogEntry("req_1"));
        context.Features.Set(new RequestContext("req_1", key, patience: null) { CostUsd = parts[4] == "paid" ? 0.01m : null });
        var code = Codes.Single(code => code.WireName() == parts[3]);
        return ErrorResponse.WriteAsync(
            context,
            new RelayError(code, "No.", RetryAfter: Long.Contains(code) ? TimeSpan.FromHours(1) : null)
        );
    }

    private static IEnumerable<string> Cases =>
        from code in Codes
        from cost in (string[])["free", "paid"]
        select $"{code.WireName()}/{cost}";

    private async Task RunNodeAsync()
    {
        var start = new ProcessStartInfo("node", [Path.Combine(TestMachine.Sdks, "retries.mjs"), _failing.Urls.Single(), .. Cases])
        {
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var node = Process.Start(start)!;
        var error = node.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        node.ExitCode.Should().Be(0, await error);
    }

    /// <summary>All at once: their pauses are as long as in life.</summary>
    private Task RunDotnetAsync() => Task.WhenAll(Cases.SelectMany(which => (Task[])[AskOpenAiAsync(which), AskAnthropicAsync(which)]));

    private async Task AskOpenAiAsync(string which)
    {
        var client = new ChatClient(
            "haiku",
            new ApiKeyCredential("relay_x"),
            new OpenAIClientOptions { Endpoint = new Uri($"{_failing.Urls.Single()}/openai/dotnet/{which}/v1") }
        );
        var ask = () => client.CompleteChatAsync([new UserChatMessage("hi")], cancellationToken: TestContext.Current.CancellationToken);
        await ask.Should().ThrowAsync<ClientResultException>(which);
    }

    private async Task AskAnthropicAsync(string which)
    {
        using var client = new AnthropicClient { ApiKey = "relay_x", BaseUrl = $"{_failing.Urls.Single()}/anthropic/dotnet/{which}" };
        var parameters = new MessageCreateParams
        {
            Model = "haiku",
            MaxTokens = 99,
            Messages = [new UserMessageParam("hi")],
        };
        var ask = () => client.Messages.Create(parameters, TestContext.Current.CancellationToken);
        await ask.Should().ThrowAsync<Anthropic.Exceptions.AnthropicException>(which);
    }
}
