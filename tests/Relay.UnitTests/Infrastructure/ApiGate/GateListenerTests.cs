using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Http;
using Relay.Infrastructure.ApiGate;

namespace Relay.UnitTests.Infrastructure.ApiGate;

public sealed class GateListenerTests
{
    [Fact]
    public async Task A_proven_request_goes_out_as_it_is_with_the_real_credential_and_its_answer_comes_back()
    {
        await using var bench = await GateBench.StartAsync();
        using var ticket = bench.Gate.Issue();
        var turn = Begin(ticket);

        using var answer = await bench.AskAsync(ticket).InTime();

        (await answer.Content.ReadAsStringAsync(Waiting.Token)).Should().Be(FakeApi.WholeMessage);
        var reached = bench.Reached.Should().ContainSingle().Which;
        reached.Should().StartWith("/v1/messages?beta=true\n").And.EndWith("\n\n" + Encoding.UTF8.GetString(GateBench.BodyOf("Hi")));
        reached.Should().Contain($"x-api-key: {GateBench.Key}").And.Contain("anthropic-version: 2023-06-01");
        reached
            .Should()
            .NotContain(ApiCredentials.Placeholder)
            .And.NotContain(ticket.Value)
            .And.NotContain("gate.sock")
            .And.NotContain("traceparent");
        answer.Headers.Contains("set-cookie").Should().BeFalse();
        (await SignalsAsync(turn))
            .Should()
            .Equal(
                "Forwarded",
                "Responded",
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop"
            );
    }

    [Fact]
    public async Task Over_TLS_one_connection_to_the_api_serves_two_hundred_turns()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        await using var bench = await GateBench.StartAsync(certificate);
        string? protocol = null;
        bench.Answers.Enqueue(context =>
        {
            protocol = context.Request.Protocol;
            return FakeApi.Whole(context);
        });
        using var ticket = bench.Gate.Issue();

        for (var turn = 0; turn < 200; turn++)
        {
            Begin(ticket);
            using var answer = await bench.AskAsync(ticket).InTime();
            (await answer.Content.ReadAsStringAsync(Waiting.Token)).Should().Be(FakeApi.WholeMessage);
            ticket.End();
        }

        (protocol, bench.Connections).Should().Be(("HTTP/2", 1));
    }

    [Fact]
    public async Task Nothing_leaves_without_a_known_ticket()
    {
        await using var bench = await GateBench.StartAsync();
        using var ticket = bench.Gate.Issue();
        Begin(ticket);
        var gone = bench.Gate.Issue();
        gone.Dispose();

        foreach (
            var path in (string[])
                [
                    "/v1/messages",
                    $"/{new string('A', 43)}/v1/messages",
                    $"/{gone.Value}/v1/messages",
                    "/",
                    "//v1/messages",
                    $"/{ticket.Value}",
                ]
        )
        {
            using var answer = await bench.SendAsync(path, GateBench.BodyOf("Hi")).InTime();
            answer.StatusCode.Should().Be(HttpStatusCode.NotFound);
        }

        bench.Reached.Should().BeEmpty();
    }

    [Theory]
    [InlineData("/v1/messages/count_tokens")]
    [InlineData("/v1/models")]
    [InlineData("/api/claude_code/policy_limits")]
    [InlineData("/v1/messages?beta=true&x=1")]
    [InlineData("/v1/messages/../messages2")]
    public async Task Another_call_than_of_the_messages_api_is_refused(string path)
    {
        await using var bench = await GateBench.StartAsync();
        using var ticket = bench.Gate.Issue();
        Begin(ticket);

        using var answer = await bench.SendAsync($"/{ticket.Value}{path}", GateBench.BodyOf("Hi")).InTime();

        answer.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        answer.Headers.GetValues("x-should-retry").Should().Equal("false");
        bench.Reached.Should().BeEmpty();
    }

    [Fact]
    public async Task A_call_without_a_turn_is_refused_and_spoils_the_process()
    {
        await using var bench = await GateBench.StartAsync();
        using var ticket = bench.Gate.Issue();

        using var answer = await bench.AskAsync(ticket).InTime();

        answer.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        ticket.IsSpoilt.Should().BeTrue();
        bench.Reached.Should().BeEmpty();
    }

    [Fact]
    public async Task A_request_with_another_processs_words_is_refused()
    {
        await using var bench = await GateBench.StartAsync();
        using var mine = bench.Gate.Issue();
        using var other = bench.Gate.Issue();
        Begin(mine, "my words");
        var turn = Begin(other, "other words");

        using var answer = await bench.AskAsync(other, "my words").InTime();

        answer.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        (await FirstAsync(turn)).Should().BeOfType<TurnSignal.Refused>().Which.Refusal.Should().Be(GateRefusal.CallersPart);
        bench.Reached.Should().BeEmpty();
    }

    [Fact]
    public async Task Headers_that_are_not_on_the_list_and_compressed_bodies_are_refused()
    {
        await using var bench = await GateBench.StartAsync();
        foreach (
            var (name, value) in (IEnumerable<(string, string)>)
                [("x-secret", "token"), ("anthropic-beta", "a<b"), ("User-Agent", "host=build7 <x>"), ("Cookie", "a=b")]
        )
        {
            using var ticket = bench.Gate.Issue();
            var turn = Begin(ticket);
            using var answer = await bench
                .AskAsync(ticket, change: request => request.Headers.TryAddWithoutValidation(name, value))
                .InTime();
            answer.StatusCode.Should().NotBe(HttpStatusCode.OK);
        }

        using var compressed = bench.Gate.Issue();
        Begin(compressed);
        using var refused = await bench
            .AskAsync(compressed, change: request => request.Content!.Headers.ContentEncoding.Add("gzip"))
            .InTime();
        refused.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        bench.Reached.Should().BeEmpty();
    }

    [Theory]
    [InlineData(
        "e9589a6be4f7dbfe4b046068882f5faeebfa242cca902ad1a5ae9919ec6473a6",
        "f9589a6be4f7dbfe4b046068882f5faeebfa242cca902ad1a5ae9919ec6473a6"
    )]
    [InlineData("1ac35c8b-4e97-41f0-86cd-651995111a6a", "2ac35c8b-4e97-41f0-86cd-651995111a6a")]
    public async Task A_process_keeps_the_device_and_the_session_of_its_first_request(string id, string other)
    {
        await using var bench = await GateBench.StartAsync();
        using var ticket = bench.Gate.Issue();
        Begin(ticket);
        using var first = await bench.AskAsync(ticket).InTime();
        ticket.End();
        var turn = Begin(ticket);
        var changed = Encoding.UTF8.GetString(GateBench.BodyOf("Hi")).Replace(id, other, StringComparison.Ordinal);

        using var second = await bench.SendAsync($"/{ticket.Value}/v1/messages?beta=true", Encoding.UTF8.GetBytes(changed)).InTime();

        (first.StatusCode, second.StatusCode).Should().Be((HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable));
        (await FirstAsync(turn)).Should().BeOfType<TurnSignal.Refused>().Which.Refusal.Should().Be(GateRefusal.Shape);
        bench.Reached.Should().ContainSingle();
    }

    [Fact]
    public async Task After_a_refusal_of_the_api_nothing_more_of_the_turn_leaves()
    {
        await using var bench = await GateBench.StartAsync();
        bench.Answers.Enqueue(FakeApi.Error(400, "invalid_request_error"));
        using var ticket = bench.Gate.Issue();
        var turn = Begin(ticket);

        using var first = await bench.AskAsync(ticket).InTime();
        using var second = await bench.AskAsync(ticket).InTime();

        first.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await first.Content.ReadAsStringAsync(Waiting.Token)).Should().Contain("invalid_request_error");
        second.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        bench.Reached.Should().ContainSingle();
        ticket.IsSpoilt.Should().BeTrue();
        (await FirstAsync(turn)).Should().BeOfType<TurnSignal.Forwarded>();
        (await FirstAsync(turn)).Should().BeOfType<TurnSignal.Responded>();
        (await FirstAsync(turn))
            .Should()
            .BeOfType<TurnSignal.ApiFailed>()
            .Which.Should()
            .BeEquivalentTo(new TurnSignal.ApiFailed(new ApiFailure(400, "invalid_request_error", "no", null), MayRepeat: false));
    }

    [Fact]
    public async Task After_a_failure_of_the_api_the_same_request_may_come_again_and_another_may_not()
    {
        await using var bench = await GateBench.StartAsync();
        bench.Answers.Enqueue(FakeApi.Error(529, "overloaded_error"));
        bench.Answers.Enqueue(FakeApi.Error(500, "api_error"));
        bench.Answers.Enqueue(FakeApi.Whole);
        using var ticket = bench.Gate.Issue();
        Begin(ticket);

        using var first = await bench.AskAsync(ticket).InTime();
        using var second = await bench.AskAsync(ticket).InTime();
        using var changed = await bench.AskAsync(ticket, "Hi there").InTime();

        ((int)first.StatusCode, (int)second.StatusCode, (int)changed.StatusCode).Should().Be((529, 500, 503));
        bench.Reached.Should().HaveCount(2);
    }

    [Fact]
    public async Task An_answer_that_breaks_off_is_told_and_does_not_look_whole_to_claude_code()
    {
        await using var bench = await GateBench.StartAsync();
        var breakOff = new TaskCompletionSource();
        bench.Answers.Enqueue(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync(FakeApi.WholeMessage[..200]);
            await context.Response.Body.FlushAsync();
            await breakOff.Task;
            context.Abort();
        });
        using var ticket = bench.Gate.Issue();
        var turn = Begin(ticket);

        var read = async () =>
        {
            using var answer = await bench.AskAsync(ticket).InTime();
            await answer.Content.ReadAsStringAsync(Waiting.Token);
        };
        var reading = read();
        (await SignalsAsync(turn, until: "message_start")).Should().Equal("Forwarded", "Responded", "message_start");

        breakOff.SetResult();

        await reading.Awaiting(task => task).Should().ThrowAsync<HttpRequestException>();
        (await SignalsAsync(turn, until: "AnswerBroke")).Should().Equal("AnswerBroke");
        using var repeat = await bench.AskAsync(ticket).InTime();
        repeat.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
    }

    [Fact]
    public async Task A_turn_that_ends_cuts_its_call_off_within_a_second()
    {
        await using var bench = await GateBench.StartAsync();
        var left = new TaskCompletionSource();
        bench.Answers.Enqueue(async context =>
        {
            context.RequestAborted.Register(left.SetResult);
            await context.Response.WriteAsync(FakeApi.WholeMessage[..200]);
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        });
        using var ticket = bench.Gate.Issue();
        var turn = Begin(ticket);
        using var answer = await bench.AskAsync(ticket).InTime();
        await SignalsAsync(turn, until: "message_start");

        ticket.End();

        await left.Task.WaitAsync(TimeSpan.FromSeconds(1), Waiting.Token);
    }

    [Fact]
    public async Task Nothing_is_forwarded_before_the_process_has_shown_that_it_is_locked_down()
    {
        await using var bench = await GateBench.StartAsync();
        using var ticket = bench.Gate.Issue();
        var turn = ticket.Begin(GateBench.Expect());
        var asking = bench.AskAsync(ticket);
        await Task.Delay(200, Waiting.Token);
        bench.Reached.Should().BeEmpty();

        turn.PassLockdown();

        using var answer = await asking.InTime();
        answer.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_rehearsal_is_answered_by_the_gate_and_shows_the_requests_shape()
    {
        await using var bench = await GateBench.StartAsync();
        using var ticket = bench.Gate.Issue();
        var turn = ticket.Begin(GateBench.Expect(isRehearsed: false), isRehearsal: true);
        turn.PassLockdown();

        using var answer = await bench.AskAsync(ticket).InTime();

        (await answer.Content.ReadAsStringAsync(Waiting.Token)).Should().Contain("message_stop");
        turn.Rehearsed!.Model.Should().Be("claude-opus-5-5");
        bench.Reached.Should().BeEmpty();
    }

    [Fact]
    public async Task A_thousand_connections_and_half_a_request_keep_nobody_out()
    {
        await using var bench = await GateBench.StartAsync();
        var sockets = new List<System.Net.Sockets.Socket>();
        for (var count = 0; count < 1000; count++)
        {
            var socket = new System.Net.Sockets.Socket(
                System.Net.Sockets.AddressFamily.Unix,
                System.Net.Sockets.SocketType.Stream,
                System.Net.Sockets.ProtocolType.Unspecified
            );
            await ConnectAsync(socket, bench.Gate.SocketPath!);
            await socket.SendAsync("POST /x/v1/messages HTTP/1.1\r\nhost: g\r\ncontent-length: 100\r\n\r\nhalf"u8.ToArray(), Waiting.Token);
            sockets.Add(socket);
        }

        using var ticket = bench.Gate.Issue();
        Begin(ticket);
        using var answer = await bench.AskAsync(ticket).InTime();

        answer.StatusCode.Should().Be(HttpStatusCode.OK);
        sockets.ForEach(socket => socket.Dispose());
    }

    /// <summary>A busy machine takes connections up more slowly than they come.</summary>
    private static async Task ConnectAsync(System.Net.Sockets.Socket socket, string path)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                await socket.ConnectAsync(new System.Net.Sockets.UnixDomainSocketEndPoint(path), Waiting.Token);
                return;
            }
            catch (System.Net.Sockets.SocketException exception)
                when (exception.SocketErrorCode == System.Net.Sockets.SocketError.WouldBlock && attempt < 500)
            {
                await Task.Delay(10, Waiting.Token);
            }
        }
    }

    private static GateTurn Begin(GateTicket ticket, string prompt = "Hi")
    {
        var turn = ticket.Begin(GateBench.Expect(prompt));
        turn.PassLockdown();
        return turn;
    }

    private static async Task<TurnSignal> FirstAsync(GateTurn turn) => await turn.Signals.ReadAsync(Waiting.Token).AsTask().InTime();

    private static async Task<List<string>> SignalsAsync(GateTurn turn, string until = "message_stop")
    {
        var names = new List<string>();
        while (names.LastOrDefault() != until)
        {
            using var signal = await FirstAsync(turn);
            names.Add(
                signal is TurnSignal.ApiEvent { Event: var document }
                    ? document.RootElement.GetProperty("type").GetString()!
                    : signal.GetType().Name
            );
        }

        return names;
    }
}
