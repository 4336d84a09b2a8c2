using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Quotas;

namespace Relay.Application.Completions;

/// <summary>A conversation in, its next answer out; also as it comes, when there is a sink. Spends.</summary>
/// <param name="Context">Who asks.</param>
/// <param name="Request">What to complete.</param>
/// <param name="Sink">Gets the answer's words as they come; null for who waits for the end.</param>
public sealed record CompleteCommand(RequestContext Context, CompletionRequest Request, ICompletionSink? Sink = null) : IRequest<Result<Completion>>, ISpendsTokens
{
    /// <inheritdoc/>
    public QuotaBucket Bucket => QuotaBucket.Completions;
}

/// <summary>The operator's rules: size and models, for all and for the key.</summary>
internal sealed class CompleteValidator : AbstractValidator<CompleteCommand>
{
    public CompleteValidator(IOptionsMonitor<CompletionOptions> options, ModelCatalog models)
    {
        RuleFor(command => command.Request.InputBytes)
            .Must(bytes => bytes <= options.CurrentValue.MaxInputBytes)
            .WithRelayError(ErrorCode.TooLarge, "prompt", () => $"Prompt, history, system prompt and schema are larger than the {options.CurrentValue.MaxInputBytes} UTF-8 bytes this relay takes.");
        RuleFor(command => command.Request)
            .Must(request => request.Schema is null || request.Stop is null)
            .WithRelayError(ErrorCode.InvalidRequest, "stop", "'stop' and a JSON schema exclude each other: an answer that ends early fits no schema.");
        RuleFor(command => command.Request.Model)
            .Must(models.IsAllowed)
            .WithRelayError(ErrorCode.UnknownModel, "model", $"This relay serves the models {string.Join(", ", models.Names)}.");
        RuleFor(command => command.Request.Model)
            .Must((command, model) => command.Context.Caller.Allows(models.Resolve(model)))
            .WithRelayError(ErrorCode.Forbidden, "model", "This key may not use this model. GET /v1/models lists those it may name.");
    }
}

internal sealed class CompleteHandler(ICompletionEngine engine, ModelCatalog models) : IRequestHandler<CompleteCommand, Result<Completion>>
{
    public async Task<Result<Completion>> Handle(CompleteCommand command, CancellationToken cancellationToken)
    {
        var context = command.Context;
        var result = await engine.CompleteAsync(context.Caller.Id, models.Resolve(command.Request.Model), command.Request, command.Sink, context.Spending, cancellationToken);
        context.Timings = result.TryGet(out var completion, out _) ? completion.Timings : null;
        return result;
    }
}
