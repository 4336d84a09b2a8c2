using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Relay.Application.Configuration;

/// <summary>One flat name, as <c>config.env</c> and the start-up check need it. A secret's value is never printed.</summary>
public sealed record SettingDescription(string Name, string Help, string Default, bool Secret, bool Reloads = false);

/// <summary>Binds and checks one options class anew, before a changed configuration takes effect.</summary>
/// <param name="Run">Throws <see cref="OptionsValidationException"/> for invalid values.</param>
public sealed record SettingsTrial(Action Run);

/// <summary>Binds options classes whose properties carry <see cref="SettingAttribute"/>.</summary>
public static class SettingsBinder
{
    /// <summary>The value of a setting in the notation that an operator writes.</summary>
    public static string Format(object? value) => SettingParser.Format(value);

    /// <summary>
    /// Registers an options class, bound to the flat names, range-checked, and validated when the host starts: every
    /// problem of every class is reported at once.
    /// </summary>
    public static IServiceCollection AddSettings<TOptions>(this IServiceCollection services)
        where TOptions : class, new()
    {
        services
            .AddOptions<TOptions>()
            .Configure<IConfiguration>((options, configuration) => Bind(options, configuration))
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<TOptions>, Validator<TOptions>>();
        var descriptions = Describe(typeof(TOptions)).ToList();
        foreach (var description in descriptions)
        {
            services.AddSingleton(description);
        }

        if (descriptions.Exists(description => description.Reloads))
        {
            services.AddSingleton<IOptionsChangeTokenSource<TOptions>, Reload<TOptions>>();
            services.AddSingleton(provider => new SettingsTrial(() =>
                provider.GetRequiredService<IOptionsFactory<TOptions>>().Create(Options.DefaultName)
            ));
        }

        return services;
    }

    /// <summary>The settings of an options class, in the order they are declared.</summary>
    public static IEnumerable<SettingDescription> Describe(Type optionsType)
    {
        var defaults = Activator.CreateInstance(optionsType);
        return Settings(optionsType)
            .Select(setting => new SettingDescription(
                setting.Attribute.Name,
                setting.Attribute.Help,
                SettingParser.Format(setting.Property.GetValue(defaults)),
                setting.Attribute.Secret,
                setting.Attribute.Reloads
            ));
    }

    private static void Bind(object options, IConfiguration configuration)
    {
        foreach (var (property, attribute) in Settings(options.GetType()))
        {
            if (
                configuration[attribute.Name] is { Length: > 0 } text
                && SettingParser.Parse(property.PropertyType, text) is { Problem: null, Value: var value }
            )
            {
                property.SetValue(options, value);
            }
        }
    }

    private static IEnumerable<(PropertyInfo Property, SettingAttribute Attribute)> Settings(Type type) =>
        from property in type.GetProperties()
        let attribute = property.GetCustomAttribute<SettingAttribute>()
        where attribute is not null
        select (property, attribute);

    /// <summary>Binds options again when the configuration reports a change.</summary>
    private sealed class Reload<TOptions>(IConfiguration configuration) : IOptionsChangeTokenSource<TOptions>
    {
        public string Name => Options.DefaultName;

        public IChangeToken GetChangeToken() => configuration.GetReloadToken();
    }

    /// <summary>Reports values that <see cref="Bind"/> left at their defaults, and values out of range.</summary>
    private sealed class Validator<TOptions>(IConfiguration configuration) : IValidateOptions<TOptions>
        where TOptions : class
    {
        public ValidateOptionsResult Validate(string? name, TOptions options)
        {
            var problems = Settings(typeof(TOptions))
                .Select(setting => Problem(setting.Property.PropertyType, setting.Attribute))
                .OfType<string>()
                .ToList();
            return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
        }

        private string? Problem(Type type, SettingAttribute setting)
        {
            if (configuration[setting.Name] is not { Length: > 0 } text)
            {
                return null;
            }

            var shown = setting.Secret ? "***" : $"'{text}'";
            var (value, problem) = SettingParser.Parse(type, text);
            if (problem is not null)
            {
                return $"{setting.Name}: {shown} {problem}.";
            }

            return IsBeyond(value, type, setting.Min, -1) || IsBeyond(value, type, setting.Max, 1)
                ? $"{setting.Name}: {shown} is out of range; it goes from {setting.Min ?? "any"} to {setting.Max ?? "any"}."
                : null;
        }

        private static bool IsBeyond(object? value, Type type, string? bound, int direction) =>
            bound is not null
            && value is IComparable comparable
            && Math.Sign(comparable.CompareTo(SettingParser.Parse(type, bound).Value)) == direction;
    }
}
