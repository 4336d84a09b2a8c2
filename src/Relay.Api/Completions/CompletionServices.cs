using MediatR;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Models;
using Relay.Application.Serving;

namespace Relay.Api.Completions;

/// <summary>The services that every route for completions needs.</summary>
internal sealed record CompletionServices(
    IMediator Mediator,
    ICompletionEngine Engine,
    IModelNames Models,
    IOptions<ServerOptions> Server,
    TimeProvider Clock,
    ILogger<CompletionControllerBase> Logger
);
