using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Relay.Application;
using Relay.Application.Completions;
using Relay.Application.Configuration;

namespace Relay.UnitTests.Application.Configuration;

public sealed class SettingsBinderTests
{
    [Fact]
    public void Values_are_bound_and_what_is_missing_or_empty_keeps_its_default()
    {
        var options = Bind(("PLAIN_NUMBER", "7"), ("PLAIN_TIME", "2m"), ("PLAIN_LIST", "a,b"), ("PLAIN_TEXT", ""));

        options
            .Should()
            .BeEquivalentTo(
                new PlainOptions
                {
                    Number = 7,
                    Time = TimeSpan.FromMinutes(2),
                    List = ["a", "b"],
                    Text = "default",
                }
            );
    }

    [Fact]
    public void All_problems_are_reported_at_once()
    {
        var binding = () => Bind(("PLAIN_NUMBER", "many"), ("PLAIN_TIME", "3h"), ("PLAIN_SIZE", "0"));

        binding
            .Should()
            .Throw<OptionsValidationException>()
            .Which.Failures.Should()
            .BeEquivalentTo(
                "PLAIN_NUMBER: 'many' is not a whole number.",
                "PLAIN_TIME: '3h' is out of range; it goes from 1s to 1h.",
                "PLAIN_SIZE: '0' is out of range; it goes from 1 to any."
            );
    }

    [Theory]
    [InlineData("1s")]
    [InlineData("1h")]
    [InlineData("60m")]
    public void The_ends_of_a_range_belong_to_it(string text) => Bind(("PLAIN_TIME", text)).Time.Should().BePositive();

    [Theory]
    [InlineData("999ms")]
    [InlineData("3601")]
    public void A_value_just_beyond_its_range_is_refused(string text) =>
        ((Action)(() => Bind(("PLAIN_TIME", text)))).Should().Throw<OptionsValidationException>().WithMessage("*out of range*");

    [Fact]
    public void A_secret_is_never_echoed()
    {
        var binding = () => Bind(("PLAIN_SECRET", "hunter2"));

        // Not WithMessage: there the stars would match the secret.
        binding.Should().Throw<OptionsValidationException>().Which.Failures.Should().Equal("PLAIN_SECRET: *** is not a whole number.");
    }

    [Fact]
    public void Rules_across_settings_are_reported_together_with_the_settings_own_problems()
    {
        using var services = Services(("DEFAULT_MODEL", "gpt"), ("MAX_INPUT_BYTES", "0"), ("ALLOWED_MODELS", "opus,-p"))
            .AddRelayApplication()
            .BuildServiceProvider();
        var binding = () => services.GetRequiredService<IOptions<CompletionOptions>>().Value;

        binding
            .Should()
            .Throw<OptionsValidationException>()
            .Which.Failures.Should()
            .BeEquivalentTo(
                "ALLOWED_MODELS: '-p' is not the name of a model.",
                "DEFAULT_MODEL: 'gpt' is not among ALLOWED_MODELS (opus, -p).",
                "MAX_INPUT_BYTES: '0' is out of range; it goes from 1 to 10MB."
            );
    }

    [Fact]
    public void A_setting_is_described_with_its_default_in_its_own_notation() =>
        SettingsBinder
            .Describe(typeof(PlainOptions))
            .Should()
            .Equal(
                new SettingDescription("PLAIN_NUMBER", "A number.", "3", Secret: false),
                new SettingDescription("PLAIN_SIZE", "A size.", "10", Secret: false),
                new SettingDescription("PLAIN_TIME", "A time.", "90s", Secret: false),
                new SettingDescription("PLAIN_LIST", "A list.", "x", Secret: false),
                new SettingDescription("PLAIN_TEXT", "A text.", "default", Secret: false),
                new SettingDescription("PLAIN_SECRET", "A secret.", "", Secret: true)
            );

    private static PlainOptions Bind(params (string Name, string Value)[] settings)
    {
        using var services = Services(settings).AddSettings<PlainOptions>().BuildServiceProvider();
        return services.GetRequiredService<IOptions<PlainOptions>>().Value;
    }

    private static IServiceCollection Services(params (string Name, string Value)[] settings) =>
        new ServiceCollection().AddSingleton<IConfiguration>(
            new ConfigurationBuilder()
                .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value)))
                .Build()
        );

    private sealed class PlainOptions
    {
        [Setting("PLAIN_NUMBER", "A number.", Min = "1", Max = "9")]
        public int Number { get; set; } = 3;

        [Setting("PLAIN_SIZE", "A size.", Min = "1")]
        public long Size { get; set; } = 10;

        [Setting("PLAIN_TIME", "A time.", Min = "1s", Max = "1h")]
        public TimeSpan Time { get; set; } = TimeSpan.FromSeconds(90);

        [Setting("PLAIN_LIST", "A list.")]
        public IReadOnlyList<string> List { get; set; } = ["x"];

        [Setting("PLAIN_TEXT", "A text.")]
        public string Text { get; set; } = "default";

        [Setting("PLAIN_SECRET", "A secret.", Secret = true)]
        public int? Secret { get; set; }
    }
}
