using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Relay.Api.Hosting;
using Relay.Application.Configuration;

namespace Relay.UnitTests.Architecture;

/// <summary>Options are documented, ranged, with units in the type, and checked at start.</summary>
public sealed class OptionsTests
{
    [Fact]
    public void Every_settable_property_of_every_options_class_is_a_setting() =>
        Rule.ForEach(
            Solution
                .All.SelectMany(Solution.Written)
                .Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal))
                .SelectMany(type => type.GetProperties()),
            property => property.IsDefined(typeof(SettingAttribute), inherit: false) ? null : $"{property.DeclaringType}.{property.Name}",
            "otherwise nobody can set it"
        );

    [Fact]
    public void Every_setting_has_a_flat_name_of_its_own()
    {
        var names = Solution.Options.SelectMany(Solution.Settings).Select(setting => setting.Attribute.Name).ToList();

        Rule.ForEach(
            names,
            name => name.All(letter => char.IsAsciiLetterUpper(letter) || char.IsAsciiDigit(letter) || letter == '_') ? null : name,
            "names are upper case"
        );
        names.Should().OnlyHaveUniqueItems();
    }

    [Fact]
    public void Every_setting_is_documented_in_one_line() =>
        Rule.ForEach(
            Solution.Options.SelectMany(Solution.Settings),
            setting =>
                setting.Attribute.Help is { Length: > 10 } help && help.EndsWith('.') && !help.Contains('\n', StringComparison.Ordinal)
                    ? null
                    : setting.Attribute.Name,
            "config.env is written from it"
        );

    [Fact]
    public void Every_number_size_and_duration_has_a_range_that_holds_its_default() =>
        Rule.ForEach(
            Solution
                .Options.SelectMany(Solution.Settings)
                .Where(setting =>
                    setting.Property.PropertyType.IsAssignableTo(typeof(IComparable))
                    && setting.Property.PropertyType != typeof(string)
                    && !setting.Property.PropertyType.IsEnum
                    && setting.Property.PropertyType != typeof(bool)
                ),
            setting =>
            {
                var (property, attribute) = setting;
                if (attribute.Min is null || attribute.Max is null)
                {
                    return $"{attribute.Name} has no range";
                }

                var value = (IComparable)property.GetValue(Activator.CreateInstance(property.DeclaringType!))!;
                var (min, max) = (
                    SettingParser.Parse(property.PropertyType, attribute.Min),
                    SettingParser.Parse(property.PropertyType, attribute.Max)
                );
                return min.Problem is null && max.Problem is null && value.CompareTo(min.Value) >= 0 && value.CompareTo(max.Value) <= 0
                    ? null
                    : $"{attribute.Name}: {value} is not in its own range";
            },
            "a limit without a limit is none"
        );

    [Fact]
    public void Options_that_reload_as_a_whole_are_never_taken_once_and_for_all() =>
        Rule.ForEach(
            from type in new[] { Solution.Application, Solution.Infrastructure, Solution.Redis, Solution.Api }.SelectMany(Solution.Written)
            from constructor in type.GetConstructors(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)
            from parameter in constructor.GetParameters()
            where parameter.ParameterType.IsGenericType && parameter.ParameterType.GetGenericTypeDefinition() == typeof(IOptions<>)
            select (type, Options: parameter.ParameterType.GetGenericArguments()[0]),
            taken =>
                Solution.Settings(taken.Options).Any() && Solution.Settings(taken.Options).All(setting => setting.Attribute.Reloads)
                    ? $"{taken.type} takes IOptions<{taken.Options.Name}>"
                    : null,
            "IOptionsMonitor follows config.env, IOptions does not"
        );

    [Fact]
    public async Task Every_options_class_is_checked_when_the_relay_starts_and_all_problems_are_told_at_once()
    {
        using var home = new TemporaryHome();
        // One setting of each class that can hold nonsense; a string can't.
        var wrong = Solution
            .Options.Select(type =>
                Solution
                    .Settings(type)
                    .First(setting => SettingParser.Parse(setting.Property.PropertyType, "nonsense").Problem is not null)
                    .Attribute.Name
            )
            .ToList();
        wrong.Should().HaveCountGreaterThan(3);
        string[] args = ["--relay-home", home.Home.Path, .. wrong.Select(name => $"--{name}=nonsense")];

        var problems = StartupProblems.Of(await FindProblemAsync(args));

        wrong
            .Where(name => !problems.Any(problem => problem.StartsWith($"{name}: 'nonsense'", StringComparison.Ordinal)))
            .Should()
            .BeEmpty("each must be reported, not the first only");
    }

    [Fact]
    public async Task The_defaults_are_a_relay_that_starts()
    {
        using var home = new TemporaryHome();
        await using var app = RelayHost.Build(["--relay-home", home.Home.Path, "--log-level", "error"]);

        app.Services.GetRequiredService<IStartupValidator>().Validate();
    }

    private static async Task<Exception> FindProblemAsync(string[] args)
    {
        try
        {
            await using var app = RelayHost.Build(args);
            app.Services.GetRequiredService<IStartupValidator>().Validate();
        }
        catch (Exception exception) when (StartupProblems.Of(exception).Count > 0)
        {
            return exception;
        }

        throw new InvalidOperationException("The relay would have started.");
    }
}
