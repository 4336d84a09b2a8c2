using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;
using Relay.Application.Auditing;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;

namespace Relay.Application.Completions;

/// <summary>One prompt in, one answer out. Spends.</summary>
public sealed record CompleteCommand(ApiKey Caller, CompletionRequest Request) : IRequest<Result<Completion>>, IAdmissible, IAudited
{
    /// <inheritdoc/>
    public string AuditAction => "complete";
}

/// <summary>The operator's rules: size and models.</summary>
internal sealed class CompleteValidator : AbstractValidator<CompleteCommand>
{
    public CompleteValidator(IOptions<CompletionOptions> options, ModelCatalog models)
    {
        var maxInputBytes = options.Value.MaxInputBytes;
        RuleFor(command => command.Request.InputBytes)
            .LessThanOrEqualTo(maxInputBytes)
            .WithRelayError(ErrorCode.TooLarge, "prompt", $"Prompt and system prompt are larger than the {maxInputBytes} UTF-8 bytes this relay takes.");
        RuleFor(command => command.Request.Model)
            .Must(model => model is null || models.IsAllowed(model))
            .WithRelayError(ErrorCode.UnknownModel, "model", $"This relay serves the models {string.Join(", ", models.Names)}.");
    }
}

internal sealed class CompleteHandler(ICompletionEngine engine, ModelCatalog models) : IRequestHandler<CompleteCommand, Result<Completion>>
{
    public Task<Result<Completion>> Handle(CompleteCommand command, CancellationToken cancellationToken) =>
        engine.CompleteAsync(command.Caller.Id, command.Request.Model ?? models.Default, command.Request, cancellationToken);
}
