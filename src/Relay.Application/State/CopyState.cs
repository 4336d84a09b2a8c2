using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Domain;

namespace Relay.Application.State;

/// <summary>
/// Copies keys, usage and the day's counts from one state to another. Idempotent: what is there already is not added again, of two counts
/// the larger stays, and no revocation is undone, nor a rotation. Answers that are kept for idempotency keys, and the last minute, stay
/// behind.
/// </summary>
/// <param name="From"><c>local</c>, or the address of a Redis. It may hold a password, and is never printed.</param>
/// <param name="To">The same; another than <paramref name="From"/>.</param>
/// <param name="DryRun">Only to say what would be done.</param>
/// <param name="Force">Also while relays use either.</param>
public sealed record CopyStateCommand(string From, string To, bool DryRun = false, bool Force = false) : IRequest<Result<StateCopy>>
{
    /// <summary>Without what may be a password.</summary>
    public override string ToString() => nameof(CopyStateCommand);
}

/// <summary>What was copied, or would be.</summary>
/// <param name="KeysAdded">Keys that the target did not have.</param>
/// <param name="KeysChanged">Keys that it had otherwise.</param>
/// <param name="KeysSame">Keys that it had just so.</param>
/// <param name="UsageRows">Rows of usage of which the target had none, or less.</param>
/// <param name="UsageRowsSame">Rows of which it had as much.</param>
public sealed record StateCopy(int KeysAdded, int KeysChanged, int KeysSame, int UsageRows, int UsageRowsSame);

/// <summary>Copies one state to another.</summary>
public interface IStateCopier
{
    /// <summary>Does what <see cref="CopyStateCommand"/> says.</summary>
    /// <returns>
    /// What was copied, or <see cref="ErrorCode.InvalidRequest"/>, <see cref="ErrorCode.Conflict"/> or <see
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
            .WithRelayError(ErrorCode.InvalidRequest, "from", "Say what to copy from: 'local', or redis://…");
        RuleFor(command => command.To)
            .Must((command, to) => !string.IsNullOrEmpty(to) && to != command.From)
            .WithRelayError(ErrorCode.InvalidRequest, "to", "Say what to copy to: 'local', or redis://…, and not what is copied from.");
    }
}

internal sealed class CopyStateHandler(IStateCopier copier) : IRequestHandler<CopyStateCommand, Result<StateCopy>>
{
    public Task<Result<StateCopy>> Handle(CopyStateCommand command, CancellationToken cancellationToken) =>
        copier.CopyAsync(command, cancellationToken);
}
