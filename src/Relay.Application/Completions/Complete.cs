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

/// <summary>Answers a conversation; also piece by piece, when there is a sink. Spends.</summary>
public sealed record CompleteCommand(RequestContext Context, CompletionRequest Request, ICompletionSink? Sink = null)
    : IRequest<Result<Completion>>,
        ISpendsTokens
{
    public QuotaBucket Bucket => QuotaBucket.Completions;
}

/// <summary>The operator's rules: size and models, for all and for the key.</summary>
internal sealed class CompleteValidator : AbstractValidator<CompleteCommand>
{
    public CompleteValidator(IOptionsMonitor<CompletionOptions> options, ModelCatalog models, IAnswerChecker checker)
    {
        RuleFor(command => command.Request.InputBytes)
            .Must(bytes => bytes <= options.CurrentValue.MaxInputBytes)
            .WithRelayError(
                ErrorCode.TooLarge,
                "prompt",
                () =>
                    $"Prompt, history, system prompt, tools and schema are larger than the {options.CurrentValue.MaxInputBytes} UTF-8 "
                    + "bytes this "
                    + $"relay takes."
            );
        RuleFor(command => command.Request)
            .Must(request => request.Schema is null || request.Stop is null)
            .WithRelayError(
                ErrorCode.InvalidRequest,
                "stop",
                "'stop' and a JSON schema exclude each other: an answer that ends early fits no schema. Leave one of them out."
            );
        RuleFor(command => command.Request)
            .Must(request => !OutputSchema.AnyObject.Equals(request.SchemaOfFormat))
            .WithRelayError(
                ErrorCode.InvalidRequest,
                "tools",
                "Beside 'tools', the answer can't be just any JSON object: the API takes a schema that lists the properties. Send one, or "
                    + "leave the tools out, in the conversation too."
            );
        RuleFor(command => command.Request)
            .Must(request => request.Parameters.Thinking?.Mode != ThinkingMode.Enabled || !request.Conversation.ContinuesCalls)
            .WithRelayError(
                ErrorCode.InvalidRequest,
                "thinking",
                "'thinking' of the type enabled can't go with results of tools: the API wants the thoughts before the calls back, and "
                    + "Claude Code sends none. Send the type adaptive or disabled."
            );
        RuleFor(command => command.Request)
            .Must((command, request) => command.Context.Caller.AllowsTools || request.ToolsToSend is null)
            .WithRelayError(
                ErrorCode.Forbidden,
                "tools",
                "This key may not use tools. Leave them out, in the conversation too, or ask the operator for another key."
            );
        RuleFor(command => command.Request.Schema)
            .Must(schema => schema is null || checker.Takes(schema))
            .WithMessage("No JSON schema.")
            .WithState(command => NoSchema(command.Request.Schema!));
        RuleFor(command => command.Request.Model)
            .Must(models.IsAllowed)
            .WithRelayError(ErrorCode.UnknownModel, "model", $"This relay serves the models {string.Join(", ", models.Names)}.");
        RuleFor(command => command.Request.Model)
            .Must((command, model) => command.Context.Caller.Allows(models.Resolve(model)))
            .WithRelayError(ErrorCode.Forbidden, "model", "This key may not use this model. GET /v1/models lists those it may name.");
    }

    private static RelayError NoSchema(OutputSchema schema) =>
        RelayError.Invalid(
            schema.Field,
            $"'{schema.Field}' is not a JSON schema that the relay can check. Check its types and references; references to other "
                + $"documents are not followed."
        );
}

internal sealed class CompleteHandler(ICompletionEngine engine, ModelCatalog models, IAnswerChecker checker)
    : IRequestHandler<CompleteCommand, Result<Completion>>
{
    private static RelayError DoesNotFit { get; } =
        new(
            ErrorCode.SchemaNotSatisfied,
            "The answer did not fit the schema, or could not be checked against it in time. Simplify the schema, or say in the prompt what "
                + "belongs where."
        );

    public async Task<Result<Completion>> Handle(CompleteCommand command, CancellationToken cancellationToken)
    {
        var (context, request) = (command.Context, command.Request);
        context.Tools = request.Tools?.Tools.Count;
        // An answer that must fit a schema is shown after its check.
        var sink = request.Schema is null ? command.Sink : null;
        var result = await engine.CompleteAsync(
            context.Caller.Id,
            models.Resolve(request.Model),
            request,
            sink,
            context.Spending,
            cancellationToken
        );
        if (!result.TryGet(out var completion, out _))
        {
            return result;
        }

        context.Timings = completion.Timings;
        context.ToolCalls = completion.ToolCalls.Count() is > 0 and var calls ? calls : null;
        return request.Schema is { } schema ? await CheckAsync(completion, schema, command.Sink, cancellationToken) : result;
    }

    private async Task<Result<Completion>> CheckAsync(
        Completion completion,
        OutputSchema schema,
        ICompletionSink? sink,
        CancellationToken cancellationToken
    )
    {
        var answer = completion;
        if (completion.IsStructured)
        {
            if (!checker.Fits(schema, completion.Text, cancellationToken))
            {
                return DoesNotFit;
            }

            var text = schema.Unwrap(completion.Text);
            answer = completion with
            {
                Text = text,
                Content = [.. completion.Content.Where(block => block is not AnswerText), new AnswerText(text)],
            };
        }
        else if (completion.StopReason == "tool_use")
        {
            // A client that asked for JSON reads each text as JSON. Text beside calls is not JSON.
            answer = completion with
            {
                Text = string.Empty,
                Content = [.. completion.Content.Where(block => block is not AnswerText)],
            };
        }

        if (sink is not null)
        {
            foreach (var piece in answer.Content.SelectMany(block => block.ToPieces()))
            {
                sink.TakeModel(answer.Model);
                await sink.WriteAsync(piece, cancellationToken);
            }
        }

        return answer;
    }
}
