namespace Relay.Api.Http;

/// <summary>Forms of texts in contracts, as regular expressions of JSON Schema.</summary>
internal static class Patterns
{
    public const string RequestId = "^req_[0-9a-f]{24}$";

    public const string ModelName = @"^[a-z][a-z0-9._:@\[\]-]*$";

    /// <summary>Names of tools, and ids of their calls.</summary>
    public const string ToolNameOrId = "^[A-Za-z0-9_-]{1,128}$";

    public const string Visible = @"\S";

    public const string Day = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
}
