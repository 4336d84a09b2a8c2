namespace Relay.Api.Completions;

/// <summary>Keywords of JSON Schema that several contracts of bodies share.</summary>
internal static class BodyKeywords
{
    /// <summary>
    /// Null, an empty list or an empty object: the value of a program that always sends every field. It asks for nothing.
    /// </summary>
    public const string AsksForNothing = """{"enum":[null,[],{}]}""";

    /// <summary>Fields that a contract does not list are taken as null or as an empty list only.</summary>
    public const string NothingElse = """{"additionalProperties":{"enum":[null,[]]}}""";

    public const string AtLeastOne = """{"minimum":1}""";

    /// <summary>Texts at which an answer ends.</summary>
    public const string StopTexts = """{"type":["array","null"],"maxItems":16,"items":{"type":"string","minLength":1,"maxLength":256}}""";

    /// <summary>A conversation has at least one message of the user.</summary>
    public const string SomeUser =
        """{"minItems":1,"contains":{"type":"object","required":["role"],"properties":{"role":{"const":"user"}}}}""";
}
