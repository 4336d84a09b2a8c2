using Relay.Application.Pipeline;
using FluentValidation;
using MediatR;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Mints a key. The secret is in the answer and nowhere else.</summary>
public sealed record AddKeyCommand(KeyLabel Label, int? DailyLimit) : IRequest<Result<AddedKey>>;

/// <param name="Key">The key as stored.</param>
/// <param name="Secret">To be shown once.</param>
public sealed record AddedKey(ApiKey Key, KeySecret Secret);

internal sealed class AddKeyValidator : AbstractValidator<AddKeyCommand>
{
    public AddKeyValidator() =>
        RuleFor(command => command.DailyLimit)
            .InclusiveBetween(1, ApiKey.MaxDailyLimit)
            .WithRelayError(ErrorCode.InvalidRequest, "daily_limit", $"A daily limit is a whole number from 1 to {ApiKey.MaxDailyLimit}.");
}

internal sealed class AddKeyHandler(IKeyRepository repository, TimeProvider clock) : IRequestHandler<AddKeyCommand, Result<AddedKey>>
{
    public Task<Result<AddedKey>> Handle(AddKeyCommand command, CancellationToken cancellationToken) =>
        repository.ChangeAsync<AddedKey>(
            keys =>
            {
                if (keys.Any(key => key.IsActive && key.Label == command.Label))
                {
                    return new RelayError(ErrorCode.Conflict, $"There is a key '{command.Label}' already. Revoke it first, or choose another label.", "label");
                }

                var (key, secret) = ApiKey.Create(command.Label, command.DailyLimit, clock.GetUtcNow());
                return ((IReadOnlyList<ApiKey>)[.. keys, key], new AddedKey(key, secret));
            },
            cancellationToken);
}
