using FluentAssertions.Execution;

namespace Relay.EndToEndTests;

/// <summary>
/// Claude Code reads the file of an <c>@path</c> in a prompt by itself, with every tool off. Through the relay no file is
/// read, and three layers each prevent it alone.
/// </summary>
[Collection(nameof(RelayPerSandbox))]
public sealed class FileMentionTests : IDisposable
{
    /// <summary>Letters before an <c>@</c> with which it counts, as measured, and others that look like them.</summary>
    private static readonly string[] Separators =
    [
        " ",
        "\n",
        "\r\n",
        "\t",
        "\v",
        "\f",
        "\u0085",
        "\u00a0",
        "\u1680",
        "\u2003",
        "\u200b",
        "\u2028",
        "\u2029",
        "\u202f",
        "\u3000",
        "\ufeff",
        "```\n",
        "`",
        "(",
        "[",
        "\"",
        "'",
        ":",
        ",",
        ">",
    ];

    private readonly RelayPerSandbox _relays;
    private readonly Canaries _canaries = new();

    public FileMentionTests(RelayPerSandbox relays) => _relays = relays;

    /// <summary>Both ways to run, and every way to name a file: with <c>--all</c> each in both.</summary>
    public static TheoryData<string, string> Cases =>
        [.. RelayPerSandbox.Modes.SelectMany(mode => RelayPerSandbox.SamplesOf(mode.Data, Forms).Select(form => (mode.Data, form)))];

    private static string[] Forms =>
        ["absolute", "quoted", "quoted with blanks", "lines", "folder", "home", "parents", "parents of the working directory"];

    /// <summary>All eight ways to leave layers out.</summary>
    public static MatrixTheoryData<bool, bool, bool> Layers => new([true, false], [true, false], [true, false]);

    /// <inheritdoc/>
    public void Dispose() => _canaries.Dispose();

    [Theory, MemberData(nameof(Cases))]
    public async Task A_mentioned_file_is_not_read_and_the_words_arrive_as_they_were_sent(string sandbox, string form)
    {
        var (relay, key) = await _relays.StartedAsync(sandbox);
        await TestMachine.EventuallyAsync(
            () => sandbox == "bwrap" || Homes(relay).Count >= 2,
            TimeSpan.FromSeconds(20),
            "there are no two spares"
        );
        var mention = Mention(form, sandbox == "off" ? Homes(relay) : []);
        var everywhere = $"[{sandbox}, {form}]" + string.Concat(Separators.Select(separator => $"x{separator}{mention}\n\nand"));
        var first = $"{mention} [{sandbox}, {form}] first";

        var answers = await Task.WhenAll(
            relay.CompleteAsync(key, new { prompt = first, system = first }),
            relay.CompleteAsync(key, new { prompt = everywhere, system = everywhere })
        );

        using var scope = new AssertionScope();
        answers.Should().OnlyContain(answer => answer.Status == 200);
        foreach (var text in (string[])[first, everywhere])
        {
            _relays
                .Api.Requests.Count(request => request.UserTexts is [var user] && user == text && request.SystemTexts[^1] == text)
                .Should()
                .Be(1, "nothing is added or changed");
        }

        _canaries.Touched(_relays.Api).Should().BeEmpty();
    }

    [Theory, MemberData(nameof(Layers))]
    public async Task Each_layer_alone_keeps_the_file_unread(bool clientComposed, bool restricted, bool mentionsDisabled)
    {
        await using var claude = await BareClaude.StartAsync(
            _relays.Api,
            "off",
            arguments => [.. arguments.Where(argument => restricted || argument != "--restricted")],
            variables =>
            {
                if (!mentionsDisabled)
                {
                    variables.Remove("CLAUDE_CODE_DISABLE_FILE_MENTIONS").Should().BeTrue();
                }
            }
        );
        _canaries.Plant(Path.Combine(claude.Spec.Environment["HOME"], "canary.txt"));
        await claude.InitializeAsync("You are a test.");

        var mentions = Separators.Select(separator => $"x{separator}@{_canaries.Readable} y");
        await claude.AskAsync(
            $"@{_canaries.Readable} @~/canary.txt @\"{_canaries.Readable}\" @{_canaries.Directory} {string.Concat(mentions)}",
            clientComposed
        );

        var touched = _canaries.Touched(_relays.Api);
        if (clientComposed || restricted || mentionsDisabled)
        {
            touched.Should().BeEmpty();
        }
        else
        {
            touched.Should().NotBeEmpty("without any layer Claude Code reads the file: else this test would show nothing");
        }
    }

    /// <summary>The homes of spares, in which a file can be planted.</summary>
    private static List<string> Homes(RelayProgram relay)
    {
        var run = Path.Combine(relay.Home, "run");
        return Directory.Exists(run)
            ? Directory.EnumerateDirectories(run).Select(scratch => Path.Combine(scratch, "home")).Where(Directory.Exists).ToList()
            : [];
    }

    private string Mention(string form, IEnumerable<string> homes)
    {
        switch (form)
        {
            case "absolute":
                return "@" + _canaries.Readable;
            case "quoted":
                return $"@\"{_canaries.Readable}\"";
            case "quoted with blanks":
                var blanks = Path.Combine(_canaries.Directory, "a canary.txt");
                _canaries.Plant(blanks);
                return $"@\"{blanks}\"";
            case "lines":
                return $"@{_canaries.Readable}#L1-2";
            case "folder":
                return "@" + _canaries.Directory;
            case "home":
                foreach (var home in homes)
                {
                    try
                    {
                        _canaries.Plant(Path.Combine(home, "canary.txt"));
                    }
                    catch (DirectoryNotFoundException)
                    {
                        // The home of a process that has just ended: nobody will look there.
                    }
                }

                return "@~/canary.txt";
            case "parents":
                return $"@../../../../../../../../../..{_canaries.Readable}";
            default:
                return "@" + Path.GetRelativePath(Path.Combine(Path.GetTempPath(), "claude-relay"), _canaries.Readable);
        }
    }
}
