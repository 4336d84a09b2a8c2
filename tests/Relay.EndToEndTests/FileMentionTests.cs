using FluentAssertions.Execution;

namespace Relay.EndToEndTests;

/// <summary>
/// Claude Code reads the file of an <c>@path</c> in a prompt by itself, with every tool off. Through the relay no file is
/// read, and three layers each prevent it alone.
/// </summary>
[Collection(nameof(RelayPerSandbox))]
public sealed class FileMentionTests : IClassFixture<FileMentionTests.Planted>
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
    private readonly Canaries _canaries;

    public FileMentionTests(RelayPerSandbox relays, Planted planted) => (_relays, _canaries) = (relays, planted.Canaries);

    /// <summary>Ways to name a file, in the jail; with <c>--all</c> every way, with and without the jail.</summary>
    public static TheoryData<string, string> Cases =>
        [
            .. RelayPerSandbox.JailedUnlessAll.SelectMany(mode =>
                RelayPerSandbox.SamplesOf(mode.Data, Forms).Select(form => (mode.Data, form))
            ),
        ];

    private static string[] Forms =>
        ["absolute", "quoted", "quoted with blanks", "lines", "folder", "home", "parents", "parents of the working directory"];

    /// <summary>By default one layer alone, and none; with <c>--all</c> all eight ways to leave layers out.</summary>
    public static TheoryData<bool, bool, bool> Layers =>
        [
            .. from number in Enumerable.Range(0, 8)
            where Extent.IsAll || number <= 1
            select ((number & 1) != 0, (number & 2) != 0, (number & 4) != 0),
        ];

    [Theory, MemberData(nameof(Cases))]
    public async Task A_mentioned_file_is_not_read_and_the_words_arrive_as_they_were_sent(string sandbox, string form)
    {
        var (relay, key) = await _relays.StartedAsync(sandbox);
        // The spare, or the process that the form before has left: one of them serves.
        await TestMachine.EventuallyAsync(
            () => sandbox == "bwrap" || Homes(relay).Count > 0,
            TimeSpan.FromSeconds(20),
            "there is no process in whose home a file can be planted"
        );
        var mention = Mention(form, sandbox == "off" ? Homes(relay) : []);
        var everywhere = $"[{sandbox}, {form}]" + Everywhere(mention);
        var first = $"{mention} [{sandbox}, {form}] first";
        // One system prompt with every form, so that one process serves them all; with --long each form has its own.
        var system = Extent.IsLong ? everywhere : string.Concat(Forms.Select(each => Everywhere(Mention(each, []))));

        using var scope = new AssertionScope();
        foreach (var text in (string[])[first, everywhere])
        {
            (await relay.CompleteAsync(key, new { prompt = text, system })).Status.Should().Be(200);
            _relays
                .Api.Requests.Count(request => request.UserTexts is [var user] && user == text && request.SystemTexts[^1] == system)
                .Should()
                .Be(1, "nothing is added or changed");
        }

        _canaries.Touched(_relays.Api).Should().BeEmpty();
    }

    [Theory, MemberData(nameof(Layers))]
    public async Task Each_layer_alone_keeps_the_file_unread(bool clientComposed, bool restricted, bool mentionsDisabled)
    {
        // Files that no other test looks for in the requests: without any layer one of them is sent.
        using var canaries = new Canaries();
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
        canaries.Plant(Path.Combine(claude.Spec.Environment["HOME"], "canary.txt"));
        await claude.InitializeAsync("You are a test.");

        var mentions = Separators.Select(separator => $"x{separator}@{canaries.Readable} y");
        await claude.AskAsync(
            $"@{canaries.Readable} @~/canary.txt @\"{canaries.Readable}\" @{canaries.Directory} {string.Concat(mentions)}",
            clientComposed
        );

        var touched = canaries.Touched(_relays.Api);
        if (clientComposed || restricted || mentionsDisabled)
        {
            touched.Should().BeEmpty();
        }
        else
        {
            touched.Should().NotBeEmpty("without any layer Claude Code reads the file: else this test would show nothing");
        }
    }

    /// <summary>The files that nobody may read, the same ones for every test through the relay.</summary>
    public sealed class Planted : IDisposable
    {
        internal Canaries Canaries { get; } = new();

        /// <inheritdoc/>
        public void Dispose() => Canaries.Dispose();
    }

    private static string Everywhere(string mention) => string.Concat(Separators.Select(separator => $"x{separator}{mention}\n\nand"));

    /// <summary>The homes of Claude Code's processes, in which a file can be planted.</summary>
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
