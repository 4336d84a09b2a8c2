namespace Relay.Api.OpenApi;

/// <summary>An answer that is not an error. Without a contract it has no body.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class AnswersAttribute(int status, string description, Type? contract = null, string mediaType = "application/json")
    : Attribute
{
    public int Status { get; } = status;

    public string Description { get; } = description;

    public Type? Contract { get; } = contract;

    public string MediaType { get; } = mediaType;
}
