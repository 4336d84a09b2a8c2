using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

public sealed class NameLookUpsTests
{
    private static readonly IPAddress[] Public = [IPAddress.Parse("93.184.215.14")];
    private static readonly IPAddress[] Private = [IPAddress.Parse("10.0.0.1")];

    private readonly ConcurrentQueue<(string Name, TaskCompletionSource<IPAddress[]> Answer)> _asked = new();
    private readonly NameLookUps _lookUps;

    public NameLookUpsTests() =>
        _lookUps = new NameLookUps(name =>
        {
            var answer = new TaskCompletionSource<IPAddress[]>(TaskCreationOptions.RunContinuationsAsynchronously);
            _asked.Enqueue((name, answer));
            return answer.Task;
        });

    [Fact]
    public async Task All_who_wait_for_a_name_share_one_look_up_and_who_gives_up_leaves_it_to_the_others()
    {
        using var leaving = new CancellationTokenSource();
        var left = _lookUps.FindAsync("a.example.", "one", leaving.Token);
        await AskedAsync(1);
        var others = Enumerable.Range(0, 2 * NameLookUps.Max).Select(_ => _lookUps.FindAsync("a.example.", "two", Waiting.Token)).ToList();
        var ofElsewhere = _lookUps.FindAsync("b.example.", "two", Waiting.Token);
        await AskedAsync(2);

        await leaving.CancelAsync();
        await ((Func<Task>)(() => left)).Should().ThrowAsync<OperationCanceledException>();
        Answer("a.example.", Public);
        Answer("b.example.", Private);

        (await Task.WhenAll(others).InTime()).Should().OnlyContain(addresses => addresses == Public);
        (await ofElsewhere.InTime()).Should().Equal(Private);
        _asked.Should().HaveCount(2);
    }

    [Fact]
    public async Task A_caller_who_asks_after_the_answer_starts_a_new_look_up()
    {
        var before = _lookUps.FindAsync("a.example.", "one", Waiting.Token);
        await AskedAsync(1);
        Answer("a.example.", Public);
        (await before.InTime()).Should().Equal(Public);

        var after = _lookUps.FindAsync("a.example.", "one", Waiting.Token);
        await AskedAsync(2);
        Answer("a.example.", Private);

        (await after.InTime()).Should().Equal(Private);
    }

    [Fact]
    public async Task A_caller_whose_names_are_never_answered_leaves_places_for_others()
    {
        using var leaving = new CancellationTokenSource();
        var given = Enumerable
            .Range(0, 2 * NameLookUps.Max)
            .Select(number => _lookUps.FindAsync($"{number}.slow.example.", "one", leaving.Token))
            .ToList();
        await AskedAsync(NameLookUps.MaxOfCaller);
        await leaving.CancelAsync();
        await ((Func<Task>)(() => Task.WhenAll(given))).Should().ThrowAsync<OperationCanceledException>();

        var another = _lookUps.FindAsync("a.example.", "two", Waiting.Token);
        await AskedAsync(NameLookUps.MaxOfCaller + 1);
        Answer("a.example.", Public);

        (await another.InTime()).Should().Equal(Public);
        _asked.Should().HaveCount(NameLookUps.MaxOfCaller + 1, "what was given up before it began never begins");
    }

    [Fact]
    public async Task A_look_up_without_a_place_begins_when_another_has_ended_in_any_way()
    {
        var first = Enumerable
            .Range(0, NameLookUps.Max)
            .Select(number => _lookUps.FindAsync($"{number}.example.", $"{number / NameLookUps.MaxOfCaller}", Waiting.Token))
            .ToList();
        await AskedAsync(NameLookUps.Max);
        var next = _lookUps.FindAsync("next.example.", "another", Waiting.Token);
        _asked.Should().HaveCount(NameLookUps.Max);

        _asked.Single(one => one.Name == "0.example.").Answer.SetException(new SocketException((int)SocketError.HostNotFound));
        await ((Func<Task>)(() => first[0])).Should().ThrowAsync<SocketException>();
        await AskedAsync(NameLookUps.Max + 1);
        Answer("next.example.", Public);

        (await next.InTime()).Should().Equal(Public);
    }

    private Task AskedAsync(int count) => Waiting.UntilAsync(() => _asked.Count >= count, $"{count} look-ups began");

    private void Answer(string name, IPAddress[] addresses) => _asked.Last(one => one.Name == name).Answer.SetResult(addresses);
}
