using Microsoft.Extensions.Time.Testing;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Infrastructure.KeyFile;

namespace Relay.UnitTests.Infrastructure.KeyFile;

public sealed class KeyFileRepositoryTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly TemporaryHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task The_first_key_makes_the_file_for_its_owner_only()
    {
        await AddAsync(Repository(), Any.Key("a"));

        File.GetUnixFileMode(_home.Home.KeyFile).Should().Be(OwnerOnly);
        Directory
            .EnumerateFiles(_home.Home.Path)
            .Select(Path.GetFileName)
            .Should()
            .BeEquivalentTo("keys.json", "keys.json.lock", "keys.json.reserve");
        Directory.EnumerateFiles(_home.Home.Path).Select(File.GetUnixFileMode).Should().OnlyContain(mode => mode == OwnerOnly);
    }

    [Fact]
    public async Task A_file_opened_to_others_is_private_again_after_the_next_change()
    {
        await AddAsync(Repository(), Any.Key("a"));
        File.SetUnixFileMode(_home.Home.KeyFile, OwnerOnly | UnixFileMode.OtherRead);

        await AddAsync(Repository(), Any.Key("b"));

        File.GetUnixFileMode(_home.Home.KeyFile).Should().Be(OwnerOnly);
    }

    [Fact]
    public async Task The_change_sees_the_keys_as_they_are_and_its_value_comes_back()
    {
        var key = Any.Key("a");
        await AddAsync(Repository(), key);

        var seen = await Repository().ChangeAsync<int>(keys => (keys, keys.Count), Waiting.Token);

        seen.Value.Should().Be(1);
        Stored().Should().Equal(key);
    }

    [Fact]
    public async Task A_home_that_can_not_be_written_is_no_lock_of_another_process()
    {
        Directory.Delete(_home.Home.Path, recursive: true);

        var result = await Repository().ChangeAsync<int>(keys => (keys, keys.Count), Waiting.Token);

        result.Error!.Code.Should().Be(ErrorCode.InternalError);
        result.Error.Message.Should().Contain("can't be changed");
        Directory.CreateDirectory(_home.Home.Path);
    }

    [Fact]
    public async Task A_change_that_refuses_leaves_the_file_alone()
    {
        await AddAsync(Repository(), Any.Key("a"));
        var before = (File.ReadAllBytes(_home.Home.KeyFile), File.GetLastWriteTimeUtc(_home.Home.KeyFile));

        var result = await Repository().ChangeAsync<int>(_ => new RelayError(ErrorCode.Conflict, "No."), Waiting.Token);

        result.Error!.Code.Should().Be(ErrorCode.Conflict);
        (File.ReadAllBytes(_home.Home.KeyFile), File.GetLastWriteTimeUtc(_home.Home.KeyFile)).Should().BeEquivalentTo(before);
    }

    [Fact]
    public async Task Many_writers_at_once_lose_nothing()
    {
        var keys = Enumerable.Range(0, 60).Select(number => Any.Key($"key-{number}")).ToList();

        // A repository each: nothing in memory may be what keeps them apart.
        await Task.WhenAll(keys.Select(key => Task.Run(() => AddAsync(Repository(), key), Waiting.Token))).InTime();

        Stored().Should().BeEquivalentTo(keys);
    }

    [Fact]
    public async Task A_reader_beside_writers_never_sees_half_a_file()
    {
        await AddAsync(Repository(), Any.Key("first"));
        using var done = new CancellationTokenSource();
        var writing = Task.Run(
            async () =>
            {
                for (var number = 0; number < 40; number++)
                {
                    await AddAsync(Repository(), Any.Key($"key-{number}"));
                }

                await done.CancelAsync();
            },
            Waiting.Token
        );

        List<int> counts = [];
        while (!done.IsCancellationRequested && !writing.IsFaulted)
        {
            counts.Add(Stored().Count);
        }

        await writing.InTime();
        counts.Should().NotBeEmpty().And.BeInAscendingOrder();
        Stored().Should().HaveCount(41);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"version\":1,\"keys\":[")]
    [InlineData("{\"version\":3,\"keys\":[]}")]
    public async Task A_file_that_can_not_be_read_is_not_written_over(string content)
    {
        File.WriteAllText(_home.Home.KeyFile, content);

        var result = await AddAsync(Repository(), Any.Key("a"));

        result.Error.Should().Match<RelayError>(error => error.Code == ErrorCode.InternalError && error.Message.Contains("Mend it"));
        File.ReadAllText(_home.Home.KeyFile).Should().Be(content);
    }

    [Fact]
    public async Task Leftovers_of_a_crash_do_no_harm()
    {
        File.WriteAllText(_home.Home.KeyFile + ".next", new string('x', 100_000));

        await AddAsync(Repository(), Any.Key("a"));

        Stored().Should().ContainSingle();
    }

    [Fact]
    public async Task A_lock_that_stays_taken_is_told_after_thirty_seconds()
    {
        var clock = new FakeTimeProvider();
        await using var held = new FileStream(_home.Home.KeyFile + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        var adding = AddAsync(new KeyFileRepository(_home.Home, clock), Any.Key("a"));
        clock.Advance(TimeSpan.FromSeconds(29));
        adding.IsCompleted.Should().BeFalse();

        await Waiting.UntilAsync(
            () => adding.IsCompleted,
            "the wait for the lock ends",
            () => clock.Advance(TimeSpan.FromMilliseconds(100))
        );

        (await adding).Error!.Message.Should().Contain("30 s");
        File.Exists(_home.Home.KeyFile).Should().BeFalse();
    }

    [Fact]
    public async Task A_wait_for_the_lock_can_be_given_up()
    {
        await using var held = new FileStream(_home.Home.KeyFile + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        using var givenUp = new CancellationTokenSource();
        var adding = Repository().ChangeAsync<int>(keys => (keys, 0), givenUp.Token);
        await givenUp.CancelAsync();

        await ((Func<Task>)(() => adding.InTime())).Should().ThrowAsync<OperationCanceledException>();
    }

    private KeyFileRepository Repository() => new(_home.Home, TimeProvider.System);

    private static Task<Result<int>> AddAsync(KeyFileRepository repository, ApiKey key) =>
        repository.ChangeAsync<int>(keys => ((IReadOnlyList<ApiKey>)[.. keys, key], 0), Waiting.Token);

    private IReadOnlyList<ApiKey> Stored() => KeyFileDocument.Parse(File.ReadAllBytes(_home.Home.KeyFile));
}
