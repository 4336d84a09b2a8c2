using Microsoft.AspNetCore.Mvc.Abstractions;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Mvc.ApplicationModels;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Relay.Api.Telemetry;

namespace Relay.Api.OpenApi;

/// <summary>Tells the API explorer the body that an action reads, and the answers that it writes by itself.</summary>
internal sealed class DescribedRoutes(IModelMetadataProvider metadata) : IApiDescriptionProvider
{
    /// <summary>
    /// Distance between the statuses under which the answers of one status are registered. The framework knows one type per status;
    /// <see cref="AnswerTransformer"/> brings them together again.
    /// </summary>
    public const int SameStatus = 1000;

    /// <summary>Status under which the contracts of errors are registered; <see cref="AnswerTransformer"/> takes it away.</summary>
    public const int ErrorContracts = 900;

    public int Order => 0;

    public void OnProvidersExecuting(ApiDescriptionProviderContext context) { }

    public void OnProvidersExecuted(ApiDescriptionProviderContext context)
    {
        context.Results.Add(Metrics());
        foreach (var description in context.Results)
        {
            var route = new RouteFacts(description);
            if (route.Find<ReadsAttribute>() is { } body)
            {
                description.SupportedRequestFormats.Add(new ApiRequestFormat { MediaType = "application/json" });
                description.ParameterDescriptions.Add(
                    new ApiParameterDescription
                    {
                        Name = "body",
                        Source = BindingSource.Body,
                        Type = body.Contract,
                        ModelMetadata = metadata.GetMetadataForType(body.Contract),
                        IsRequired = true,
                    }
                );
            }

            description.SupportedResponseTypes.Clear();
            foreach (var answers in route.Answers.GroupBy(answer => answer.Status))
            {
                foreach (var (index, answer) in answers.Index())
                {
                    Add(description, answer.Status + (index * SameStatus), answer.Contract, answer.MediaType);
                }
            }

            foreach (var (index, contract) in route.ErrorContracts.Index())
            {
                Add(description, ErrorContracts + index, contract, "application/json");
            }
        }
    }

    private void Add(ApiDescription description, int status, Type? contract, string mediaType) =>
        description.SupportedResponseTypes.Add(
            new ApiResponseType
            {
                StatusCode = status,
                Type = contract ?? typeof(void),
                ModelMetadata = metadata.GetMetadataForType(contract ?? typeof(void)),
                ApiResponseFormats = contract is null ? [] : [new ApiResponseFormat { MediaType = mediaType }],
            }
        );

    /// <summary>The one route that is not an action.</summary>
    private static ApiDescription Metrics() =>
        new()
        {
            HttpMethod = HttpMethods.Get,
            RelativePath = MetricsPort.Path.TrimStart('/'),
            ActionDescriptor = new ActionDescriptor { DisplayName = "metrics", EndpointMetadata = [.. MetricsPort.Metadata] },
        };
}

/// <summary>Shows every controller to the API explorer.</summary>
internal sealed class VisibleRoutes : IApplicationModelConvention
{
    public void Apply(ApplicationModel application) => application.ApiExplorer.IsVisible = true;
}
