using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Application.Completions;

/// <summary>One prompt in, one answer out. Spends.</summary>
public sealed record CompleteCommand(RequestContext Context, CompletionRequest Request) : IRequest<Result<Completion>>, ISpendsTokens
{
    /// <inheritdoc/>
    public QuotaBucket Bucket => QuotaBucket.Completions;

    /// <inheritdoc/>
    public ModelName? Model => Request.Model;

    /// <inheritdoc/>
    public long InputBytes => Request.InputBytes;
}

/// <summary>The operator's rules: size and models, for all and for the key.</summary>
internal sealed class CompleteValidator : AbstractValidator<CompleteCommand>
{
    public CompleteValidator(IOptions<CompletionOptions> options, ModelCatalog models)
    {
        var maxInputBytes = options.Value.MaxInputBytes;
        RuleFor(command => command.InputBytes)
            .LessThanOrEqualTo(maxInputBytes)
            .WithRelayError(ErrorCode.TooLarge, "prompt", $"Prompt and system prompt are larger than the {maxInputBytes} UTF-8 bytes this relay takes.");
        RuleFor(command => command.Model)
            .Must(model => model is null || models.IsAllowed(model))
            .WithRelayError(ErrorCode.UnknownModel, "model", $"This relay serves the models {string.Join(", ", models.Names)}.");
        RuleFor(command => command.Model)
            .Must((command, model) => command.Context.Caller.Allows(model ?? models.Default))
            .WithRelayError(ErrorCode.Forbidden, "model", "This key may not use this model. GET /v1/models lists those it may name.");
    }
}

internal sealed class CompleteHandler(ICompletionEngine engine, ModelCatalog models) : IRequestHandler<CompleteCommand, Result<Completion>>
{
    public async Task<Result<Completion>> Handle(CompleteCommand command, CancellationToken cancellationToken)
    {
        var context = command.Context;
        var result = await engine.CompleteAsync(context.Caller.Id, command.Model ?? models.Default, command.Request, context.Spending, cancellationToken);
        context.Timings = result.TryGet(out var completion, out _) ? completion.Timings : null;
        return result;
    }
}
