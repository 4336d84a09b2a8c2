namespace Relay.Application.Contracts;

/// <summary>
/// The body of a request. Its required fields are those that C# requires, and a nullable field may be null or missing. In every other
/// contract a nullable field is left out instead of being null, unless it says <c>JsonIgnoreCondition.Never</c>.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class RequestContractAttribute : Attribute;
