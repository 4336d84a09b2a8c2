using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Domain.Keys;
using Relay.Infrastructure.KeyFile;

namespace Relay.UnitTests.Infrastructure.KeyFile;

public sealed class KeyDirectoryTests : IAsyncLifetime
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(250);

    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly (ApiKey Key, KeySecret Secret) _first = ApiKey.Create(Any.Label("first"), Any.Time);
    private readonly (ApiKey Key, KeySecret Secret) _second = ApiKey.Create(Any.Label("second"), Any.Time);
    private readonly KeyDirectory _directory;

    public KeyDirectoryTests() => _directory = new KeyDirectory(_home.Home, _clock, NullLogger<KeyDirectory>.Instance);

    public async ValueTask InitializeAsync()
    {
        Write(_first.Key);
        await _directory.StartAsync(Waiting.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _directory.StopAsync(CancellationToken.None);
        _directory.Dispose();
        _home.Dispose();
    }

    [Fact]
    public void The_keys_of_the_file_are_in_force_when_it_has_started()
    {
        _directory.Find(_first.Secret).Should().Be(_first.Key);
        _directory.Find(_second.Secret).Should().BeNull();
        _directory.Find(KeySecret.Generate()).Should().BeNull();
        _directory.Problem.Should().BeNull();
    }

    /// <summary>An earlier version, or a person, may have written the file.</summary>
    [Fact]
    public void Room_for_a_revocation_on_a_full_disk_is_kept_from_the_start() =>
        new FileInfo(_home.Home.KeyFile + ".reserve").Length.Should().BeGreaterThan(new FileInfo(_home.Home.KeyFile).Length + 16_000);

    [Fact]
    public async Task A_new_key_works_at_the_next_look_at_the_file()
    {
        Write(_first.Key, _second.Key);

        await LaterAsync(() => _directory.Find(_second.Secret) is not null, "the new key works");
        _directory.Find(_first.Secret).Should().Be(_first.Key);
    }

    [Fact]
    public async Task A_revoked_key_is_refused_at_the_next_look_at_the_file()
    {
        Write(_first.Key.Revoke(Any.Time), _second.Key);

        await LaterAsync(() => _directory.Find(_first.Secret) is null, "the revoked key is refused");
        _directory.Find(_second.Secret).Should().Be(_second.Key);
    }

    [Fact]
    public async Task A_reload_tells_which_keys_are_not_revoked_those_that_have_expired_among_them()
    {
        IReadOnlySet<string>? unrevoked = null;
        _directory.Reloaded += ids => unrevoked = ids;
        var third = Any.Key() with { ExpiresAt = _clock.GetUtcNow().AddSeconds(-1) };
        Write(_first.Key.Revoke(Any.Time), _second.Key, third);

        await LaterAsync(() => unrevoked is not null, "the reload is told");

        unrevoked.Should().BeEquivalentTo([_second.Key.Id, third.Id]);
        (_directory.IsRevoked(_first.Key.Id), _directory.IsRevoked(third.Id)).Should().Be((true, false));
        _directory.Find(third.Hash).Should().BeNull();
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"version\":1,\"keys\":[")]
    [InlineData("{\"version\":1,\"keys\":null}")]
    [InlineData("{\"version\":1,\"keys\":[null]}")]
    public async Task A_broken_file_keeps_the_last_good_keys_and_says_so_until_it_is_mended(string content)
    {
        File.WriteAllText(_home.Home.KeyFile, content);
        await LaterAsync(() => _directory.Problem is not null, "the problem is told");
        _directory.Problem.Should().Contain("last good keys");
        _directory.Find(_first.Secret).Should().Be(_first.Key);

        Write(_second.Key);
        await LaterAsync(() => _directory.Problem is null, "the problem is gone");
        _directory.Find(_first.Secret).Should().BeNull();
        _directory.Find(_second.Secret).Should().Be(_second.Key);
    }

    [Fact]
    public async Task A_key_that_stands_twice_in_the_file_is_a_problem_and_not_the_end()
    {
        Write(_first.Key, _first.Key);

        await LaterAsync(() => _directory.Problem is not null, "the problem is told");
        _directory.Find(_first.Secret).Should().Be(_first.Key);
        _directory.ExecuteTask!.IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task A_file_that_is_taken_away_takes_all_keys_along()
    {
        File.Delete(_home.Home.KeyFile);

        await LaterAsync(() => _directory.Find(_first.Secret) is null, "no key works");
        _directory.Problem.Should().BeNull();
    }

    [Fact]
    public async Task A_key_expires_while_it_is_loaded()
    {
        var now = _clock.GetUtcNow();
        Write(_first.Key with { ExpiresAt = now.AddDays(1) }, _second.Key);
        await LaterAsync(() => _directory.Find(_second.Secret) is not null, "the file is read");
        _directory.Find(_first.Secret).Should().NotBeNull();

        _clock.Advance(now.AddDays(1) - _clock.GetUtcNow());

        _directory.Find(_first.Secret).Should().BeNull();
        _directory.Find(_second.Secret).Should().NotBeNull();
    }

    [Fact]
    public async Task A_retired_secret_works_until_its_time_and_not_after_it()
    {
        var now = _clock.GetUtcNow();
        var (rotated, secret) = _first.Key.Rotate(TimeSpan.FromDays(1), now);
        Write(rotated);
        await LaterAsync(() => _directory.Find(secret) is not null, "the new secret works");
        _directory.Find(_first.Secret)!.Id.Should().Be(_first.Key.Id, "the counters are those of the one key");

        _clock.Advance(now.AddDays(1) - _clock.GetUtcNow());

        _directory.Find(_first.Secret).Should().BeNull();
        _directory.Find(secret).Should().NotBeNull();
        _directory.IsRevoked(_first.Key.Id).Should().BeFalse();
    }

    [Fact]
    public async Task A_revoked_key_is_shut_with_its_retired_secrets()
    {
        var (rotated, secret) = _first.Key.Rotate(TimeSpan.FromDays(1), _clock.GetUtcNow());
        Write(rotated.Revoke(_clock.GetUtcNow()), _second.Key);
        await LaterAsync(() => _directory.Find(_second.Secret) is not null, "the file is read");
        (_directory.Find(_first.Secret), _directory.Find(secret), _directory.IsRevoked(rotated.Id)).Should().Be((null, null, true));
    }

    [Fact]
    public async Task A_change_is_told_by_the_system_before_anybody_looks()
    {
        // The clock stands still: nothing looks by itself. Again and again, for the watch begins soon after the start.
        await Waiting.UntilAsync(
            () => _directory.Find(_second.Secret) is not null,
            "the system tells of the change",
            () => Write(_second.Key)
        );
    }

    [Fact]
    public async Task A_change_that_nobody_tells_of_is_seen_all_the_same()
    {
        await Waiting.UntilAsync(() => _directory.Find(_second.Secret) is not null, "the watch has begun", () => Write(_second.Key));
        Write(_first.Key);
        await Waiting.UntilAsync(() => _directory.Find(_first.Secret) is not null, "the system tells of the change");

        // The watch ends with the directory it is on.
        Directory.Delete(_home.Home.Path, recursive: true);
        await Waiting.UntilAsync(() => _directory.Find(_first.Secret) is null, "the system tells of the end");
        Directory.CreateDirectory(_home.Home.Path);
        Write(_second.Key);
        await LaterAsync(() => _directory.Find(_second.Secret) is not null, "the new file is seen");
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_hundred_thousand_keys_are_found_each_by_its_own_secret()
    {
        var many = Enumerable
            .Range(0, 100_000)
            .Select(number => new ApiKey(
                $"key_{number}",
                Any.Label($"app-{number}"),
                KeyHash.Of($"secret {number}"),
                "crk_abcdef",
                Any.Time
            ));
        Write([.. many, _second.Key]);
        await LaterAsync(() => _directory.Find(_second.Secret) is not null, "the file is read");
        _directory.Find(_first.Secret).Should().BeNull();
        (_directory.IsRevoked("key_0"), _directory.IsRevoked("key_99999"), _directory.IsRevoked("key_100000"))
            .Should()
            .Be((false, false, true));
    }

    [Fact]
    public async Task Without_a_file_there_are_no_keys_and_no_problem_and_the_first_key_works()
    {
        using var home = new TemporaryHome();
        using var directory = new KeyDirectory(home.Home, _clock, NullLogger<KeyDirectory>.Instance);
        await directory.StartAsync(Waiting.Token);
        (directory.Find(_first.Secret), directory.Problem).Should().Be((null, null));

        File.WriteAllBytes(home.Home.KeyFile, KeyFileDocument.Format([_first.Key]));
        await LaterAsync(() => directory.Find(_first.Secret) is not null, "the first key works");
        await directory.StopAsync(Waiting.Token);
    }

    [Fact]
    public async Task A_broken_file_at_start_is_a_problem_and_no_key_works()
    {
        using var home = new TemporaryHome();
        File.WriteAllText(home.Home.KeyFile, "garbage");
        using var directory = new KeyDirectory(home.Home, _clock, NullLogger<KeyDirectory>.Instance);

        await directory.StartAsync(Waiting.Token);

        directory.Problem.Should().NotBeNull();
        directory.Find(_first.Secret).Should().BeNull();
        await directory.StopAsync(Waiting.Token);
    }

    /// <summary>As the repository does it: beside, then renamed.</summary>
    private void Write(params ApiKey[] keys)
    {
        File.WriteAllBytes(_home.File("next"), KeyFileDocument.Format(keys));
        File.Move(_home.File("next"), _home.Home.KeyFile, overwrite: true);
    }

    private Task LaterAsync(Func<bool> condition, string what) => Waiting.UntilAsync(condition, what, () => _clock.Advance(CheckInterval));
}
