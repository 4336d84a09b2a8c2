using System.Diagnostics.CodeAnalysis;

namespace Relay.Domain;

/// <summary>Lets a pipeline make a failure without knowing the type of a success.</summary>
public interface IResult<TSelf>
    where TSelf : IResult<TSelf>
{
    /// <summary>The failure, or null on success.</summary>
    RelayError? Error { get; }

    /// <summary>Makes a failed result.</summary>
    static abstract TSelf Failure(RelayError error);
}

/// <summary>A value or an expected failure.</summary>
public sealed class Result<T> : IResult<Result<T>>
{
    private readonly T? _value;

    private Result(T? value, RelayError? error) => (_value, Error) = (value, error);

    public RelayError? Error { get; }

    /// <summary>The value; asking a failure for it is a bug and throws.</summary>
    public T Value => Error is null ? _value! : throw new InvalidOperationException($"Failed: {Error.WireName}");

    /// <summary>True with the value on success, false with the failure otherwise.</summary>
    public bool TryGet([MaybeNullWhen(false)] out T value, [NotNullWhen(false)] out RelayError? error)
    {
        (value, error) = (_value, Error);
        return error is null;
    }

    /// <summary>Makes a failed result.</summary>
    public static Result<T> Failure(RelayError error) => new(default, error);

    /// <summary>Makes a successful result, where the value's type is an interface and converts to nothing.</summary>
    public static Result<T> Success(T value) => new(value, null);

    /// <summary>A value is a success.</summary>
    public static implicit operator Result<T>(T value) => new(value, null);

    /// <summary>An error is a failure.</summary>
    public static implicit operator Result<T>(RelayError error) => Failure(error);
}
