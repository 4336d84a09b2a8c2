using FluentValidation;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Relay.UnitTests.Architecture;

/// <summary>A name says what a thing is, and what a thing is has that name.</summary>
public sealed class NameTests
{
    private static IEnumerable<Type> Classes => Solution.All.SelectMany(Solution.Written).Where(type => type.IsClass);

    [Fact]
    public void Handlers_end_in_Handler() => IsNamed("Handler", type => Implements(type, typeof(IRequestHandler<,>)));

    [Fact]
    public void Validators_end_in_Validator() =>
        IsNamed("Validator", type => type.IsAssignableTo(typeof(IValidator)) || Implements(type, typeof(IValidateOptions<>)));

    [Fact]
    public void Options_end_in_Options() => IsNamed("Options", type => Solution.Options.Contains(type));

    [Fact]
    public void Controllers_end_in_Controller() =>
        IsNamed("Controller", type => !type.IsAbstract && type.IsSubclassOf(typeof(ControllerBase)));

    [Fact]
    public void Behaviours_end_in_Behavior() => IsNamed("Behavior", type => Implements(type, typeof(IPipelineBehavior<,>)));

    [Fact]
    public void Requests_end_in_Command_or_Query() =>
        Rule.ForEach(
            Solution.Requests,
            type =>
                type.Name.EndsWith("Command", StringComparison.Ordinal) || type.Name.EndsWith("Query", StringComparison.Ordinal)
                    ? null
                    : type.FullName,
            "a reader wants to know whether it changes anything"
        );

    [Fact]
    public void A_handler_and_a_validator_are_named_for_their_request()
    {
        Rule.ForEach(
            Classes.Where(type => Implements(type, typeof(IRequestHandler<,>))),
            type => Bare(type) == Noun(Arguments(type, typeof(IRequestHandler<,>))[0]) + "Handler" ? null : type.FullName,
            "one use case, one name"
        );
        Rule.ForEach(
            Classes.Where(type => type.IsAssignableTo(typeof(IValidator))),
            type => Bare(type) == Noun(Arguments(type, typeof(IValidator<>))[0]) + "Validator" ? null : type.FullName,
            "one use case, one name"
        );
    }

    [Fact]
    public void Interfaces_begin_with_I() =>
        Rule.ForEach(
            Solution.All.SelectMany(Solution.Written).Where(type => type.IsInterface),
            type => type.Name is ['I', >= 'A' and <= 'Z', ..] ? null : type.FullName,
            "that is how C# names them"
        );

    [Fact]
    public void Methods_to_be_awaited_end_in_Async_and_others_do_not() =>
        Rule.ForEach(
            Solution
                .All.SelectMany(Solution.Written)
                .SelectMany(Solution.Methods)
                .Where(method => !IsHandle(method.DeclaringType!, method.Name)),
            method =>
                Solution.IsAsync(method) == method.Name.EndsWith("Async", StringComparison.Ordinal)
                    ? null
                    : $"{method.DeclaringType}.{method.Name}",
            "a forgotten await is seen by its name (MediatR's Handle has MediatR's name)"
        );

    private static void IsNamed(string suffix, Func<Type, bool> isOne)
    {
        Rule.ForEach(
            Classes.Where(isOne),
            type => Bare(type).EndsWith(suffix, StringComparison.Ordinal) ? null : type.FullName,
            $"it is a {suffix}"
        );
        Rule.ForEach(
            Classes.Where(type => Bare(type).EndsWith(suffix, StringComparison.Ordinal)),
            type => isOne(type) ? null : type.FullName,
            $"it is no {suffix}"
        );
    }

    private static bool IsHandle(Type type, string method) =>
        method == "Handle" && (Implements(type, typeof(IRequestHandler<,>)) || Implements(type, typeof(IPipelineBehavior<,>)));

    private static string Bare(Type type) => type.Name.Split('`')[0];

    private static string Noun(Type request) =>
        request.Name.Replace("Command", string.Empty, StringComparison.Ordinal).Replace("Query", string.Empty, StringComparison.Ordinal);

    private static bool Implements(Type type, Type definition) =>
        type.GetInterfaces().Any(port => port.IsGenericType && port.GetGenericTypeDefinition() == definition);

    private static Type[] Arguments(Type type, Type definition) =>
        type.GetInterfaces().First(port => port.IsGenericType && port.GetGenericTypeDefinition() == definition).GetGenericArguments();
}
