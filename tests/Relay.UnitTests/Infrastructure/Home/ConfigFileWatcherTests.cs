using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Configuration;
using Relay.Application.Quotas;
using Relay.Infrastructure.Home;

namespace Relay.UnitTests.Infrastructure.Home;

public sealed class ConfigFileWatcherTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly LogLines<ConfigFileWatcher> _log = new();
    private readonly IAuditLog _auditLog = Substitute.For<IAuditLog>();
    private ServiceProvider? _services;
    private ConfigFileWatcher? _watcher;

    public void Dispose()
    {
        _watcher?.Dispose();
        _services?.Dispose();
        _home.Dispose();
    }

    [Fact]
    public void Every_setting_that_says_so_reloads()
    {
        Start(string.Empty);
        var settings = _services!
            .GetServices<SettingDescription>()
            .Where(setting => setting.Reloads)
            .Select(setting => setting.Name)
            .ToList();
        settings
            .Should()
            .BeEquivalentTo(
                "GLOBAL_CONCURRENCY",
                "PER_KEY_CONCURRENCY",
                "QUEUE_LIMIT",
                "QUEUE_TIMEOUT",
                "PER_KEY_RPM",
                "PER_KEY_DAILY",
                "GLOBAL_DAILY",
                "FETCH_RPM",
                "FETCH_DAILY",
                "FETCH_CONCURRENCY",
                "FETCH_PER_KEY_CONCURRENCY",
                "MAX_INPUT_BYTES"
            );

        Change(string.Concat(settings.Select(name => $"{name}=7\n")));

        var limits = _services!.GetRequiredService<IOptionsMonitor<QuotaOptions>>().CurrentValue;
        limits
            .Should()
            .BeEquivalentTo(
                new QuotaOptions
                {
                    GlobalConcurrency = 7,
                    PerKeyConcurrency = 7,
                    QueueLimit = 7,
                    QueueTimeout = TimeSpan.FromSeconds(7),
                    PerKeyRpm = 7,
                    PerKeyDaily = 7,
                    GlobalDaily = 7,
                    FetchRpm = 7,
                    FetchDaily = 7,
                    FetchConcurrency = 7,
                    FetchPerKeyConcurrency = 7,
                }
            );
        _services!.GetRequiredService<IOptionsMonitor<CompletionOptions>>().CurrentValue.MaxInputBytes.Should().Be(7);
    }

    [Fact]
    public void Settings_that_need_a_restart_stay_as_they_are_also_beside_others_that_change()
    {
        Start("REQ_TIMEOUT=5\n");

        Change("REQ_TIMEOUT=6\nMAX_INPUT_BYTES=9\n");

        var options = _services!.GetRequiredService<IOptionsMonitor<CompletionOptions>>().CurrentValue;
        (options.MaxInputBytes, options.RequestTimeout).Should().Be((9L, TimeSpan.FromSeconds(5)));
        _log.Lines.Should()
            .ContainSingle(line => line.Contains("REQ_TIMEOUT", StringComparison.Ordinal))
            .Which.Should()
            .Contain("restart the relay");
    }

    [Fact]
    public void One_wrong_line_keeps_all_and_a_corrected_file_is_taken()
    {
        Start("PER_KEY_RPM=1\n");
        var monitor = _services!.GetRequiredService<IOptionsMonitor<QuotaOptions>>();

        Change("PER_KEY_RPM=2\nQUEUE_LIMIT=-1\n");
        monitor.CurrentValue.PerKeyRpm.Should().Be(1);
        _log.Lines.Should().ContainSingle().Which.Should().Contain("QUEUE_LIMIT").And.Contain("stay as they are");
        _auditLog.DidNotReceiveWithAnyArgs().Write(default!);

        Change("PER_KEY_RPM=2\nQUEUE_LIMIT=10\n");
        (monitor.CurrentValue.PerKeyRpm, monitor.CurrentValue.QueueLimit).Should().Be((2, 10));
        _auditLog.Received(1).Write(new AuditEntry("setting_changed") { Detail = "PER_KEY_RPM=2" });
    }

    [Fact]
    public void A_change_between_the_start_and_the_first_look_is_found()
    {
        Start("PER_KEY_RPM=1\n", changedMeanwhile: "PER_KEY_RPM=3\n");

        _watcher!.Check();

        _services!.GetRequiredService<IOptionsMonitor<QuotaOptions>>().CurrentValue.PerKeyRpm.Should().Be(3);
    }

    private void Change(string file)
    {
        File.WriteAllText(_home.Home.ConfigFile, file);
        _watcher!.Check();
    }

    private void Start(string file, string? changedMeanwhile = null)
    {
        File.WriteAllText(_home.Home.ConfigFile, file);
        var configuration = new ConfigurationBuilder().AddConfigEnv(_home.Home.ConfigFile).Build();
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(configuration)
            .AddSettings<QuotaOptions>()
            .AddSettings<CompletionOptions>()
            .BuildServiceProvider();
        _watcher = new ConfigFileWatcher(
            _home.Home,
            configuration,
            _services.GetServices<SettingDescription>(),
            _services.GetServices<SettingsTrial>(),
            _auditLog,
            _clock,
            _log
        );
        if (changedMeanwhile is null)
        {
            _watcher.Check();
        }
        else
        {
            File.WriteAllText(_home.Home.ConfigFile, changedMeanwhile);
        }
    }
}
