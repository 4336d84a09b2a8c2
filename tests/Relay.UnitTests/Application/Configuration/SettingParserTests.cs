using Relay.Application.Configuration;
using Relay.Infrastructure.ClaudeCode;
using Relay.UnitTests.Architecture;

namespace Relay.UnitTests.Application.Configuration;

public sealed class SettingParserTests
{
    [Theory]
    [InlineData("120", 120_000)]
    [InlineData("120s", 120_000)]
    [InlineData(" 120 s ", 120_000)]
    [InlineData("500ms", 500)]
    [InlineData("0ms", 0)]
    [InlineData("0", 0)]
    [InlineData("2m", 120_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("1d", 86_400_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("0.5m", 30_000)]
    public void Durations_have_units_and_a_bare_number_is_seconds(string text, double milliseconds) =>
        Parse<TimeSpan>(text).Should().Be(TimeSpan.FromMilliseconds(milliseconds));

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("ms")]
    [InlineData("-1s")]
    [InlineData("+1s")]
    [InlineData("1w")]
    [InlineData("1 2s")]
    [InlineData("1,5s")]
    [InlineData("1e3")]
    [InlineData("1:00")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-Infinity")]
    [InlineData("-Infinitys")]
    [InlineData("99999999999999d")]
    public void Other_durations_are_refused_with_examples(string text) => ProblemOf(typeof(TimeSpan), text).Should().Contain("120s");

    [Theory]
    [InlineData("0", 0)]
    [InlineData("200000", 200_000)]
    [InlineData("500KB", 500_000)]
    [InlineData("8MB", 8_000_000)]
    [InlineData("8 mb", 8_000_000)]
    public void Sizes_are_bytes_KB_or_MB(string text, long bytes) => Parse<long>(text).Should().Be(bytes);

    [Theory]
    [InlineData("")]
    [InlineData("MB")]
    [InlineData("-1")]
    [InlineData("1.5MB")]
    [InlineData("8GB")]
    [InlineData("0x10")]
    [InlineData("99999999999999MB")]
    [InlineData("99999999999999999999")]
    public void Other_sizes_are_refused_with_examples(string text) => ProblemOf(typeof(long), text).Should().Contain("8MB");

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("1.0")]
    [InlineData("1 000")]
    [InlineData("2147483648")]
    [InlineData("ten")]
    public void Text_that_is_not_a_whole_number_is_refused(string text) => ProblemOf(typeof(int), text).Should().Contain("whole number");

    [Theory]
    [InlineData("true", true)]
    [InlineData("YES", true)]
    [InlineData("on", true)]
    [InlineData("1", true)]
    [InlineData("False", false)]
    [InlineData("no", false)]
    [InlineData("off", false)]
    [InlineData("0", false)]
    public void Switches_take_the_usual_words(string text, bool value) => Parse<bool>(text).Should().Be(value);

    [Fact]
    public void Another_word_is_no_switch() => ProblemOf(typeof(bool), "maybe").Should().Contain("neither true nor false");

    [Theory]
    [InlineData("login", ClaudeAuth.Login)]
    [InlineData("oauth-token", ClaudeAuth.OauthToken)]
    [InlineData("oauth_token", ClaudeAuth.OauthToken)]
    [InlineData("API-KEY", ClaudeAuth.ApiKey)]
    [InlineData(" vertex ", ClaudeAuth.Vertex)]
    public void Choices_are_written_in_kebab_or_snake_case(string text, ClaudeAuth value) => Parse<ClaudeAuth>(text).Should().Be(value);

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("oauth token")]
    [InlineData("login,vertex")]
    public void Another_choice_is_refused_with_all_there_are(string text) =>
        ProblemOf(typeof(ClaudeAuth), text).Should().Contain("login, oauth-token, api-key, bedrock, vertex");

    [Fact]
    public void Lists_are_separated_by_commas() =>
        Parse<IReadOnlyList<string>>(" opus , sonnet,,haiku,").Should().Equal("opus", "sonnet", "haiku");

    [Fact]
    public void An_address_must_be_absolute()
    {
        Parse<Uri>("https://api.example/v1").Should().Be(new Uri("https://api.example/v1"));
        ProblemOf(typeof(Uri), "api.example").Should().Contain("absolute URL");
    }

    [Fact]
    public void A_type_nobody_thought_of_is_a_bug() =>
        ((Action)(() => SettingParser.Parse(typeof(DateTime), "2026-01-01"))).Should().Throw<NotSupportedException>();

    [Fact]
    public void Every_default_survives_being_written_to_config_env_and_read_again() =>
        Rule.ForEach(
            Solution.Options.SelectMany(Solution.Settings),
            setting =>
            {
                var value = setting.Property.GetValue(Activator.CreateInstance(setting.Property.DeclaringType!));
                var text = SettingParser.Format(value);
                if (text.Length == 0)
                {
                    return value is null or IReadOnlyList<string> { Count: 0 }
                        ? null
                        : $"{setting.Attribute.Name}: {value} is written as nothing";
                }

                var (parsed, problem) = SettingParser.Parse(setting.Property.PropertyType, text);
                return problem is null && SettingParser.Format(parsed) == text && (value is IReadOnlyList<string> || Equals(parsed, value))
                    ? null
                    : $"{setting.Attribute.Name}: '{text}' {problem} became '{parsed}'";
            },
            "the file that is written first must mean what it says"
        );

    [Fact]
    public void Durations_survive_being_written_and_read_again()
    {
        double[] milliseconds = [0, 1, 999, 999.5, 1000, 1500, 59_999, 90_000, 3_600_000, 86_400_000 * 30d];

        foreach (var duration in milliseconds.Select(TimeSpan.FromMilliseconds))
        {
            Parse<TimeSpan>(SettingParser.Format(duration)).Should().Be(duration);
        }
    }

    private static T Parse<T>(string text)
    {
        var (value, problem) = SettingParser.Parse(typeof(T), text);
        problem.Should().BeNull();
        return (T)value!;
    }

    private static string ProblemOf(Type type, string text)
    {
        var (value, problem) = SettingParser.Parse(type, text);
        value.Should().BeNull();
        return problem!;
    }
}
