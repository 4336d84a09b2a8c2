using Microsoft.Extensions.Configuration;
using Relay.Application.Configuration;
using Relay.Infrastructure.Home;
using Relay.UnitTests.Architecture;

namespace Relay.UnitTests.Infrastructure.Home;

public sealed class ConfigEnvTests : IDisposable
{
    private readonly TemporaryHome _home = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData("PORT=1", "PORT", "1")]
    [InlineData("  PORT = 1  ", "PORT", "1")]
    [InlineData("export PORT=1", "PORT", "1")]
    [InlineData("export   PORT=1", "PORT", "1")]
    [InlineData("A=\"x y\"", "A", "x y")]
    [InlineData("A='x y'", "A", "x y")]
    [InlineData("A=\"x'", "A", "\"x'")]
    [InlineData("A=\"", "A", "\"")]
    [InlineData("A=\"\"", "A", "")]
    [InlineData("A=", "A", "")]
    [InlineData("A=b=c", "A", "b=c")]
    [InlineData("A=$HOME", "A", "$HOME")]
    [InlineData("A=`id`", "A", "`id`")]
    [InlineData("A=\\n", "A", "\\n")]
    [InlineData("A=x\r", "A", "x")]
    public void A_line_is_a_name_and_a_value_and_nothing_is_expanded(string line, string name, string value) =>
        ConfigEnv.Parse([line], "config.env").Should().ContainSingle().Which.Should().Be(KeyValuePair.Create(name, (string?)value));

    [Fact]
    public void Comments_and_blank_lines_are_passed_over() =>
        ConfigEnv.Parse(["# PORT=1", "", "   ", "  #", "\t"], "config.env").Should().BeEmpty();

    [Fact]
    public void A_later_line_wins_whatever_the_case_of_its_name() =>
        ConfigEnv.Parse(["PORT=1", "port=2"], "config.env").Should().ContainSingle().Which.Value.Should().Be("2");

    [Theory]
    [InlineData("PORT")]
    [InlineData("=1")]
    [InlineData("export")]
    [InlineData("PORT: 1")]
    public void Anything_else_is_named_by_its_line_without_its_content(string line) =>
        ((Action)(() => ConfigEnv.Parse(["# comment", line], "config.env")))
            .Should()
            .Throw<FormatException>()
            .WithMessage("config.env, line 2: expected NAME=value.");

    [Fact]
    public void A_missing_file_adds_nothing() =>
        new ConfigurationBuilder().AddConfigEnv(_home.File("missing")).Build().AsEnumerable().Should().BeEmpty();

    [Fact]
    public void The_first_config_env_is_private_and_changes_nothing_until_a_line_is_uncommented()
    {
        var settings = Solution.Options.SelectMany(SettingsBinder.Describe).ToList();

        _home.Home.WriteDefaultConfig(settings).Should().BeTrue();
        var text = File.ReadAllText(_home.Home.ConfigFile);

        File.GetUnixFileMode(_home.Home.ConfigFile).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        ConfigEnv.Parse(File.ReadLines(_home.Home.ConfigFile), "config.env").Should().BeEmpty();
        var uncommented = File.ReadLines(_home.Home.ConfigFile)
            .Where(line => line is ['#', >= 'A' and <= 'Z', ..])
            .Select(line => line[1..]);
        ConfigEnv
            .Parse(uncommented, "config.env")
            .Should()
            .Equal(settings.ToDictionary(setting => setting.Name, setting => (string?)setting.Default, StringComparer.Ordinal));
        settings.Should().NotBeEmpty().And.OnlyContain(setting => text.Contains($"# {setting.Help}"));
    }

    [Fact]
    public void A_config_env_that_is_there_is_left_alone()
    {
        File.WriteAllText(_home.Home.ConfigFile, "PORT=1");

        _home.Home.WriteDefaultConfig([]).Should().BeFalse();
        File.ReadAllText(_home.Home.ConfigFile).Should().Be("PORT=1");
    }

    [Fact]
    public void A_home_that_is_open_to_others_is_shut()
    {
        File.SetUnixFileMode(_home.Home.Path, (UnixFileMode)0b111_101_101);

        RelayHome.Open(_home.Home.Path);

        File.GetUnixFileMode(_home.Home.Path).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
