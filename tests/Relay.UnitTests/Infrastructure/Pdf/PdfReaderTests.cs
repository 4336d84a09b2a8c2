using System.Diagnostics;
using System.Text;
using Relay.Domain;
using Relay.Domain.Fetching;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Pdf;
using Relay.Tests.Corpus;

namespace Relay.UnitTests.Infrastructure.Pdf;

/// <summary>Files that the tests make, read by real processes of the relay's executable.</summary>
public sealed class PdfReaderTests(PdfProcesses processes) : IClassFixture<PdfProcesses>
{
    private readonly PdfReader _reader = processes.Reader;
    private readonly PdfProcesses.MemoryWatch _watch = processes.Watch;

    public static TheoryData<string> Hostile => [.. Extent.Sample(HostilePdfs.All.Keys, oneOf: 6)];

    [Fact]
    public async Task The_text_comes_by_page_with_title_and_count()
    {
        var text = await ReadAsync(PdfFile.Of("Annual report", "First page.\nIt has two lines.", string.Empty, "Third page."));

        (text.Title, text.PageCount, text.IsWhole).Should().Be(("Annual report", 3, true));
        text.Pages.Select(page => string.Join('|', page.Paragraphs))
            .Should()
            .Equal("First page.\nIt has two lines.", string.Empty, "Third page.");
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task A_hostile_file_ends_within_its_time_and_memory(string name)
    {
        var file = HostilePdfs.All[name]();
        var started = Stopwatch.GetTimestamp();

        var result = await _reader.ReadAsync(file, "key_1", Waiting.Token);

        var outcome = result.TryGet(out var text, out _)
            ? $"{text.Pages.Count}/{text.PageCount} pages, whole {text.IsWhole}"
            : result.Error!.Message;
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {seconds:0.0} s, {_watch.Most / 1_000_000} MB, {outcome}");
        (result.Error?.Code ?? ErrorCode.UnsupportedContentType)
            .Should()
            .Be(ErrorCode.UnsupportedContentType, "it is text as far as it goes, or no PDF");
        Stopwatch
            .GetElapsedTime(started)
            .Should()
            .BeLessThan(PdfProcesses.Budget + TimeSpan.FromSeconds(15), "start and end of a process come on top, on a busy machine");
        _watch.Most.Should().BeLessThan(PdfCommand.MaxHeap + (200 * 1024 * 1024), "the program itself takes some, too");
    }

    [Fact]
    public async Task The_pages_before_a_hostile_one_are_read()
    {
        var bomb = PdfFile.WithPages(
            string.Empty,
            hasTable: true,
            ("BT /F1 12 Tf (The first page.) Tj ET"u8.ToArray(), string.Empty),
            (PdfFile.Deflate(Encoding.ASCII.GetBytes($"BT /F1 1 Tf ({new string('a', 10_000)}) Tj ET\n"), 3000), "/Filter /FlateDecode"),
            ("BT /F1 12 Tf (The third page.) Tj ET"u8.ToArray(), string.Empty)
        );

        var text = await ReadAsync(bomb);

        (text.PageCount, text.IsWhole).Should().Be((3, false));
        text.Pages.Should().ContainSingle().Which.Paragraphs.Should().Equal("The first page.");
    }

    [Fact]
    public async Task A_file_that_was_cut_off_is_read_as_far_as_it_goes()
    {
        var file = PdfFile.Of("Cut", [.. Enumerable.Range(1, 20).Select(number => $"Page number {number}.")]);

        var text = await ReadAsync(file[..(file.Length * 3 / 4)]);

        text.Pages.Should().NotBeEmpty();
        text.Pages[0].Paragraphs.Should().Equal("Page number 1.");
    }

    [Fact]
    public async Task A_file_whose_table_is_wrong_is_read() =>
        (await ReadAsync(PdfFile.Of(null, hasTable: false, "Found all the same.")))
            .Pages.Should()
            .ContainSingle()
            .Which.Paragraphs.Should()
            .Equal("Found all the same.");

    [Fact]
    public async Task A_file_that_needs_a_password_is_refused_with_these_words()
    {
        var error = (await _reader.ReadAsync(PdfFile.Encrypted(), "key_1", Waiting.Token)).Error!;

        (error.Code, error.Message)
            .Should()
            .Be((ErrorCode.UnsupportedContentType, "The PDF needs a password. Ask for a copy without one."));
    }

    [Fact]
    public async Task A_file_that_is_none_is_refused() =>
        (await _reader.ReadAsync("%PDF-1.7 and no more"u8.ToArray(), "key_1", Waiting.Token))
            .Error!.Code.Should()
            .Be(ErrorCode.UnsupportedContentType);

    [Fact]
    public async Task Without_a_jail_no_file_is_read_where_the_operator_demands_one()
    {
        using var reader = processes.Make(SandboxMode.Bwrap, "/nowhere/Relay.Api");

        (await reader.ReadAsync(PdfFile.Of(null, "Text."), "key_1", Waiting.Token)).Error!.Message.Should().Contain("relayctl doctor");
    }

    /// <summary>A program that brings its own .NET must not have the root of the file system for one.</summary>
    [Theory]
    [InlineData("/usr/lib/dotnet/shared/Microsoft.NETCore.App/10.0.1/", "/usr/lib/dotnet")]
    [InlineData("/opt/claude-relay/app/", null)]
    [InlineData("/shared/claude-relay/app/", null)]
    [InlineData("/app", null)]
    public void Of_the_host_a_jail_sees_no_more_than_the_shared_runtime(string runtime, string? seen) =>
        PdfCommand.SharedRuntimeOf(runtime).Should().Be(seen);

    [Fact]
    public async Task Without_a_jail_files_are_read_with_the_same_bounds()
    {
        using var reader = processes.Make(SandboxMode.Off);

        (await reader.ReadAsync(PdfFile.Of(null, "Text."), "key_1", Waiting.Token)).Value.Pages.Should().ContainSingle();
        await reader.ReadAsync(HostilePdfs.All["fifty million letters"](), "key_1", Waiting.Token);

        _watch.Most.Should().BeLessThan(PdfCommand.MaxHeap + (200 * 1024 * 1024));
    }

    [Fact]
    public async Task A_caller_who_leaves_ends_the_process()
    {
        using var caller = new CancellationTokenSource();
        var reading = _reader.ReadAsync(HostilePdfs.All["forms that draw each other twice, thirty deep"](), "key_1", caller.Token);
        await Waiting.UntilAsync(() => _watch.Children.Any(child => child.ResidentBytes > 50_000_000), "a process reads");

        await caller.CancelAsync();

        await reading.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
        await Task.WhenAll(_watch.Children.Select(child => child.Exited)).InTime();
    }

    /// <summary>Only files of the same key wait behind that key's slow files.</summary>
    [Fact]
    public async Task One_key_does_not_get_all_places()
    {
        using var reader = processes.Make(SandboxMode.Auto, budget: TimeSpan.FromMinutes(1));
        using var caller = new CancellationTokenSource();
        var slow = Enumerable
            .Range(0, 3)
            .Select(_ => reader.ReadAsync(HostilePdfs.All["forms that draw each other twice, thirty deep"](), "key_1", caller.Token))
            .ToList();

        (await reader.ReadAsync(PdfFile.Of(null, "Text."), "key_2", Waiting.Token)).Value.Pages.Should().ContainSingle();

        slow.Should().Contain(task => !task.IsCompleted);
        await caller.CancelAsync();
        await Task.WhenAll(slow.Select(task => task.ContinueWith(_ => { }, TaskScheduler.Default)));
    }

    private async Task<PdfText> ReadAsync(byte[] file) => (await _reader.ReadAsync(file, "key_1", Waiting.Token)).Value;
}
