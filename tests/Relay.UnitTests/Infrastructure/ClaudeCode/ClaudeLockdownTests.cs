using System.Text.Json;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Infrastructure.ClaudeCode;

public sealed class ClaudeLockdownTests
{
    [Fact]
    public void A_locked_down_process_has_no_violation() => ViolationOf(Frames.Init).Should().BeNull();

    [Theory]
    [InlineData("tools")]
    [InlineData("mcp_servers")]
    [InlineData("slash_commands")]
    [InlineData("skills")]
    [InlineData("plugins")]
    [InlineData("permissionMode")]
    [InlineData("claude_code_version")]
    public void A_missing_value_is_a_violation(string property) =>
        ViolationOf(Frames.With(Frames.Init, property, null)).Should().NotBeNull();

    [Theory]
    [InlineData("tools", "[\"Bash\"]")]
    [InlineData("tools", "[\"StructuredOutput\"]")]
    [InlineData("tools", "[null]")]
    [InlineData("tools", "null")]
    [InlineData("tools", "{}")]
    [InlineData("tools", "\"\"")]
    [InlineData("mcp_servers", "[{\"name\":\"x\",\"status\":\"connected\"}]")]
    [InlineData("mcp_servers", "{}")]
    [InlineData("slash_commands", "[\"cost\"]")]
    [InlineData("slash_commands", "false")]
    [InlineData("skills", "[\"pdf\"]")]
    [InlineData("skills", "0")]
    [InlineData("plugins", "[{\"name\":\"x\",\"path\":\"/home/user/plugin\"}]")]
    [InlineData("plugins", "[{\"name\":\"x\",\"path\":\"builtin\"},{\"name\":\"y\",\"path\":\"Builtin\"}]")]
    [InlineData("plugins", "[{\"name\":\"x\"}]")]
    [InlineData("plugins", "[\"builtin\"]")]
    [InlineData("plugins", "null")]
    [InlineData("permissionMode", "\"bypassPermissions\"")]
    [InlineData("permissionMode", "\"acceptEdits\"")]
    [InlineData("permissionMode", "\"plan\"")]
    [InlineData("permissionMode", "\"Default\"")]
    [InlineData("permissionMode", "null")]
    [InlineData("claude_code_version", "\"2.1.331\"")]
    [InlineData("claude_code_version", "\"2.1\"")]
    [InlineData("claude_code_version", "\"\"")]
    [InlineData("claude_code_version", "2")]
    public void A_different_value_is_a_violation(string property, string json) =>
        ViolationOf(Frames.With(Frames.Init, property, json)).Should().NotBeNull();

    [Fact]
    public void No_built_in_plugin_is_fine_too() => ViolationOf(Frames.With(Frames.Init, "plugins", "[]")).Should().BeNull();

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"init\"")]
    public void A_frame_that_is_not_an_object_is_a_violation(string json)
    {
        using var document = JsonDocument.Parse(json);
        ClaudeLockdown.FindViolation(document.RootElement, Frames.Version).Should().NotBeNull();
    }

    [Fact]
    public void The_words_of_a_violation_hold_nothing_of_the_frame() =>
        ViolationOf(Frames.With(Frames.Init, "tools", "[\"secret words of a caller\"]")).Should().Be("init lists 1 of 'tools'");

    [Fact]
    public void The_arguments_are_constant_but_for_the_model()
    {
        ClaudeLockdown
            .Arguments("opus")
            .Should()
            .Equal(
                "-p",
                "--input-format",
                "stream-json",
                "--output-format",
                "stream-json",
                "--verbose",
                "--include-partial-messages",
                "--tools",
                "",
                "--restricted",
                "--disable-slash-commands",
                "--setting-sources",
                "",
                "--strict-mcp-config",
                "--mcp-config",
                """{"mcpServers":{}}""",
                "--no-session-persistence",
                "--max-turns",
                "1",
                "--model",
                "opus"
            );
        ClaudeLockdown.Arguments("haiku").SkipLast(1).Should().Equal(ClaudeLockdown.Arguments("opus").SkipLast(1));
    }

    [Theory]
    [InlineData("2.1.330 (Claude Code)", "2.1.330")]
    [InlineData("2.1.330", "2.1.330")]
    public void A_version_stands_at_the_start(string text, string version) =>
        ClaudeLockdown.ParseVersion(text).Should().Be(Version.Parse(version));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("v2.1.330")]
    [InlineData("Claude Code 2.1.330")]
    public void Another_text_has_no_version(string? text) => ClaudeLockdown.ParseVersion(text).Should().BeNull();

    private static string? ViolationOf(string init)
    {
        using var frame = Frames.Parse(init);
        return ClaudeLockdown.FindViolation(frame.Json, Frames.Version);
    }
}
