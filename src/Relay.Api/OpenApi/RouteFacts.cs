using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Relay.Api.Anthropic;
using Relay.Api.Authentication;
using Relay.Api.Dashboard;
using Relay.Api.OpenAi;
using Relay.Api.Quotas;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Api.OpenApi;

/// <summary>The facts in the attributes of a route. The pipeline treats its requests by the same attributes.</summary>
internal sealed class RouteFacts(ApiDescription description)
{
    public bool NeedsKey => Find<IAllowAnonymous>() is null;

    public bool TakesSession => Find<AcceptsSessionAttribute>() is not null;

    public KeyScopes? Scope => Find<RequireScopeAttribute>()?.Scope;

    public QuotaBucket? Bucket => Find<SpendsQuotaAttribute>()?.Bucket;

    /// <summary>The API whose format the route speaks; null where the request decides.</summary>
    public ApiSurface? Surface => Find<SpeaksAttribute>()?.Surface;

    public bool IsOfDashboard => Find<DashboardRouteAttribute>() is not null;

    /// <summary>Whether the route serves a file that is the same for all callers.</summary>
    public bool IsFile => Find<SendsAttribute>()?.Headers.Contains("ETag", StringComparer.Ordinal) == true;

    public bool ReadsBody => Find<ReadsAttribute>() is not null;

    /// <summary>Whether the body is read as another API reads it: fields without effect are named in a header.</summary>
    public bool IsCompatible => ReadsBody && Surface is ApiSurface.OpenAi or ApiSurface.Anthropic;

    /// <summary>Answers that are not errors. Of the files of the dashboard, each route has one type.</summary>
    public IEnumerable<AnswersAttribute> Answers =>
        FindAll<AnswersAttribute>()
            .Where(answer =>
                !IsOfDashboard || !IsFile || answer.Contract is null || FileType.StartsWith(answer.MediaType, StringComparison.Ordinal)
            );

    public bool Streams => Answers.Any(answer => answer.MediaType == "text/event-stream");

    /// <summary>The contracts of its errors: one, or the relay's own and Anthropic's where the request decides.</summary>
    public IReadOnlyList<Type> ErrorContracts =>
        Surface switch
        {
            ApiSurface.Native => [typeof(ErrorContract)],
            ApiSurface.OpenAi => [typeof(OpenAiError)],
            ApiSurface.Anthropic => [typeof(AnthropicError)],
            _ => [typeof(ErrorContract), typeof(AnthropicError)],
        };

    private string FileType =>
        Path.HasExtension(description.RelativePath) ? DashboardPageController.ContentTypeOf(description.RelativePath) : "text/html";

    public T? Find<T>()
        where T : class => description.ActionDescriptor.EndpointMetadata.OfType<T>().LastOrDefault();

    public IEnumerable<T> FindAll<T>() => description.ActionDescriptor.EndpointMetadata.OfType<T>();
}
