using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Gives a key a new secret. Its id, label, limits and usage stay; the old secret works until the overlap is over.</summary>
public sealed record RotateKeyCommand(KeyReference Key, TimeSpan Overlap, RequestContext? By = null) : IRequest<Result<AddedKey>>;

internal sealed class RotateKeyValidator : AbstractValidator<RotateKeyCommand>
{
    public RotateKeyValidator() =>
        RuleFor(command => command.Overlap)
            .InclusiveBetween(TimeSpan.Zero, ApiKey.MaxOverlap)
            .WithRelayError(ErrorCode.InvalidRequest, "overlap", $"An overlap is a time from 0 to {ApiKey.MaxOverlap.TotalDays} days.");
}

internal sealed class RotateKeyHandler(KeyEditor keys) : IRequestHandler<RotateKeyCommand, Result<AddedKey>>
{
    public Task<Result<AddedKey>> Handle(RotateKeyCommand command, CancellationToken cancellationToken) =>
        keys.ChangeAsync(
            command.Key,
            "key_rotated",
            (key, now) =>
            {
                var (rotated, secret) = key.Rotate(command.Overlap, now);
                return (rotated, new AddedKey(rotated, secret));
            },
            command.By,
            cancellationToken
        );
}
