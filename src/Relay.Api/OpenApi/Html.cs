using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Relay.Api.Http;

namespace Relay.Api.OpenApi;

/// <summary>The elements that the page is made of.</summary>
internal static class Html
{
    private static readonly JsonSerializerOptions Indented = new(JsonContract.Options) { WriteIndented = true };

    /// <summary>Beside the name of what may not be left out.</summary>
    public static XElement Required => new("span", Class("required"), "required");

    /// <summary>A text of a node; null when it has none of that name.</summary>
    public static string? Text(JsonNode node, string name) => node[name]?.GetValue<string>();

    /// <summary>A node's value as a person would write it.</summary>
    public static string Literal(JsonNode? value) => value is null ? "null" : value.ToJsonString(JsonContract.Options);

    /// <summary>A node on several lines.</summary>
    public static string Pretty(JsonNode node) => node.ToJsonString(Indented);

    /// <summary>The class of an element.</summary>
    public static XAttribute Class(string name) => new("class", name);

    /// <summary>A link.</summary>
    public static XElement Link(string target, params object?[] content) => new("a", new XAttribute("href", target), content);

    /// <summary>A link of a class.</summary>
    public static XElement Link(string target, string text, string className) => new("a", new XAttribute("href", target), Class(className), text);

    /// <summary>Text of a program, which scrolls where it is too wide; by the keyboard, too.</summary>
    public static XElement Code(string text) => new("pre", new XAttribute("tabindex", "0"), new XElement("code", text));

    /// <summary>Words with <c>`names`</c> in them.</summary>
    public static IEnumerable<object> Inline(string? text) =>
        (text ?? string.Empty).Split('`').Select((part, index) => index % 2 == 0 ? (object)new XText(part) : new XElement("code", part));

    /// <summary>Such words in paragraphs.</summary>
    public static IEnumerable<XElement> Paragraphs(string? text) => text is null ? [] : text.Split("\n\n").Select(part => new XElement("p", Inline(part)));

    /// <summary>Values, one beside the other.</summary>
    public static IEnumerable<object> Values(IEnumerable<string> values) => values.SelectMany((value, index) => index == 0 ? new object[] { new XElement("code", value) } : [new XText(" "), new XElement("code", value)]);

    /// <summary>What is shown when it is asked for.</summary>
    public static XElement Details(string summary, params object[] content) => new("details", new XElement("summary", summary), content);

    /// <summary>A table.</summary>
    public static XElement Table(string[] heads, IEnumerable<object?[][]> rows) => new(
        "table",
        new XElement("thead", new XElement("tr", heads.Select(head => new XElement("th", new XAttribute("scope", "col"), head)))),
        new XElement("tbody", rows.Select(row => new XElement("tr", row.Select(cell => new XElement("td", cell))))));
}
