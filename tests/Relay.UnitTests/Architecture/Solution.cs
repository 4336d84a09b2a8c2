using System.Reflection;
using System.Runtime.CompilerServices;
using MediatR;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Relay.Api.Hosting;
using Relay.Application.Completions;
using Relay.Application.Configuration;
using Relay.Domain;
using Relay.Infrastructure.Home;
using Relay.Redis;

namespace Relay.UnitTests.Architecture;

/// <summary>The assemblies the rules are about, and ways to look into them.</summary>
internal static class Solution
{
    public static Assembly Domain { get; } = typeof(RelayError).Assembly;

    public static Assembly Application { get; } = typeof(CompleteCommand).Assembly;

    public static Assembly Infrastructure { get; } = typeof(RelayHome).Assembly;

    public static Assembly Redis { get; } = typeof(RedisLink).Assembly;

    public static Assembly Api { get; } = typeof(RelayHost).Assembly;

    public static Assembly Cli { get; } = Assembly.Load("relayctl");

    public static IReadOnlyList<Assembly> All { get; } = [Domain, Application, Infrastructure, Redis, Api, Cli];

    /// <summary>Every request that can be sent.</summary>
    public static IReadOnlyList<Type> Requests { get; } =
    [.. All.SelectMany(Written).Where(type => type.IsAssignableTo(typeof(IBaseRequest)))];

    /// <summary>Every options class.</summary>
    public static IReadOnlyList<Type> Options { get; } = [.. All.SelectMany(Written).Where(type => Settings(type).Any())];

    /// <summary>The types that somebody wrote, not the compiler.</summary>
    public static IEnumerable<Type> Written(Assembly assembly) =>
        assembly
            .GetTypes()
            .Where(type =>
                !type.Name.Contains('<', StringComparison.Ordinal)
                && !type.IsDefined(typeof(CompilerGeneratedAttribute))
                && (type.Namespace is null || type.Namespace.StartsWith("Relay.", StringComparison.Ordinal))
            );

    /// <summary>The members of a type that somebody wrote there.</summary>
    public static IEnumerable<MethodInfo> Methods(Type type) =>
        type.GetMethods(
                BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly
            )
            .Where(method =>
                !method.IsSpecialName
                && !method.Name.Contains('<', StringComparison.Ordinal)
                && !method.IsDefined(typeof(CompilerGeneratedAttribute))
            );

    /// <summary>The settings of an options class.</summary>
    public static IEnumerable<(PropertyInfo Property, SettingAttribute Attribute)> Settings(Type type) =>
        from property in type.GetProperties()
        let attribute = property.GetCustomAttribute<SettingAttribute>()
        where attribute is not null
        select (property, attribute);

    /// <summary>Whether a method has to be awaited.</summary>
    public static bool IsAsync(MethodInfo method)
    {
        var type = method.ReturnType.IsGenericType ? method.ReturnType.GetGenericTypeDefinition() : method.ReturnType;
        return type == typeof(Task) || type == typeof(Task<>) || type == typeof(ValueTask) || type == typeof(ValueTask<>);
    }

    /// <summary>
    /// Every call in an assembly's IL: the outermost type it is made from, and what is called. Lambdas and async methods count as their
    /// type's.
    /// </summary>
    public static IReadOnlyList<(string From, MethodReference Called)> Calls(Assembly assembly)
    {
        using var module = ModuleDefinition.ReadModule(assembly.Location);
        return
        [
            .. from type in module.GetTypes()
            from method in type.Methods
            where method.HasBody
            from instruction in method.Body.Instructions
            where instruction.OpCode.Code is Code.Call or Code.Callvirt or Code.Newobj or Code.Ldftn or Code.Ldvirtftn
            select (Outermost(type).FullName, (MethodReference)instruction.Operand),
        ];
    }

    private static TypeDefinition Outermost(TypeDefinition type) => type.DeclaringType is { } outer ? Outermost(outer) : type;
}
