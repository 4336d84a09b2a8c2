using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Domain;

namespace Relay.Application.State;

/// <summary>
/// Copies keys, usage and the day's counts from one state to another. Idempotent: existing data is not added again, of two counts the
/// larger stays, and neither a revocation nor a rotation is undone. Answers for idempotency keys, and the counts of the last minute, are
/// not copied.
/// </summary>
/// <param name="From"><c>local</c>, or the address of a Redis. It may hold a password, and is never printed.</param>
/// <param name="To">The other state, in the same notation.</param>
/// <param name="DryRun">Whether to count only, and to copy nothing.</param>
/// <param name="Force">Whether to copy also while relays use either state.</param>
public sealed record CopyStateCommand(string From, string To, bool DryRun = false, bool Force = false) : IRequest<Result<StateCopy>>
{
    /// <summary>Hides the addresses, which may hold a password.</summary>
    public override string ToString() => nameof(CopyStateCommand);
}

/// <summary>The numbers of a copy, or of a dry run.</summary>
/// <param name="KeysAdded">Keys that the target did not have.</param>
/// <param name="KeysChanged">Keys that the target had with other values.</param>
/// <param name="KeysSame">Keys that the target had with the same values.</param>
/// <param name="UsageRows">Rows of usage that the target had with lower counts, or not at all.</param>
/// <param name="UsageRowsSame">Rows of usage that the target had with the same counts.</param>
public sealed record StateCopy(int KeysAdded, int KeysChanged, int KeysSame, int UsageRows, int UsageRowsSame);

/// <summary>Copies one state to another.</summary>
public interface IStateCopier
{
    /// <summary>Copies as <see cref="CopyStateCommand"/> says.</summary>
    /// <returns>
    /// The numbers, or <see cref="ErrorCode.InvalidRequest"/>, <see cref="ErrorCode.Conflict"/> or <see
    /// cref="ErrorCode.StateUnavailable"/>.
    /// </returns>
    Task<Result<StateCopy>> CopyAsync(CopyStateCommand command, CancellationToken cancellationToken);
}

internal sealed class CopyStateValidator : AbstractValidator<CopyStateCommand>
{
    public CopyStateValidator()
    {
        RuleFor(command => command.From)
            .NotEmpty()
            .WithRelayError(ErrorCode.InvalidRequest, "from", "Name the source of the copy: 'local', or a Redis as in STATE.");
        RuleFor(command => command.To)
            .Must((command, to) => !string.IsNullOrEmpty(to) && to != command.From)
            .WithRelayError(ErrorCode.InvalidRequest, "to", "Name another target for the copy: 'local', or a Redis as in STATE.");
    }
}

internal sealed class CopyStateHandler(IStateCopier copier) : IRequestHandler<CopyStateCommand, Result<StateCopy>>
{
    public Task<Result<StateCopy>> Handle(CopyStateCommand command, CancellationToken cancellationToken) =>
        copier.CopyAsync(command, cancellationToken);
}
