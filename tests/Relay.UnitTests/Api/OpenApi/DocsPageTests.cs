using System.Text.RegularExpressions;
using System.Xml.Linq;
using Relay.Api.OpenApi;

namespace Relay.UnitTests.Api.OpenApi;

/// <summary>The page has everything that the description has, loads nothing from elsewhere, and takes no text for markup.</summary>
public sealed partial class DocsPageTests
{
    private static readonly XElement Html = XElement.Parse(Documents.Page["<!doctype html>".Length..], LoadOptions.PreserveWhitespace);

    [Fact]
    public void Every_route_has_its_place_its_example_and_its_errors()
    {
        foreach (var (path, method, operation) in Documents.Description.Operations)
        {
            var article = Html.Descendants("article").Single(element => element.Attribute("id")?.Value == operation["operationId"]!.GetValue<string>());
            article.Element("h3")!.Value.Should().Be($"{method} {path}");
            article.Value.Should().Contain("curl ").And.Contain(operation["summary"]!.GetValue<string>());
            foreach (var code in operation["responses"]!.AsObject().SelectMany(response => Documents.Description.Resolve(response.Value!)["x-codes"]?.AsArray() ?? []))
            {
                article.Descendants("code").Select(element => element.Value).Should().Contain(code!.GetValue<string>());
            }

            foreach (var (field, _) in operation["requestBody"] is { } body ? Documents.Description.Resolve(body["content"]!["application/json"]!["schema"]!)["properties"]!.AsObject() : [])
            {
                article.Descendants("td").Select(element => element.Element("code")?.Value).Should().Contain(field);
            }
        }
    }

    [Fact]
    public void Every_link_leads_somewhere_on_the_relay()
    {
        var ids = Html.Descendants().Attributes("id").Select(id => id.Value).ToList();
        var targets = Html.Descendants().SelectMany(element => element.Attributes().Where(attribute => attribute.Name.LocalName is "href" or "src")).Select(attribute => attribute.Value).ToList();
        var routes = Documents.Description.Operations.Select(route => route.Path).ToList();

        ids.Should().OnlyHaveUniqueItems();
        targets.Should().NotBeEmpty();
        targets.Where(target => target.StartsWith('#') ? !ids.Contains(target[1..]) : !routes.Contains(target)).Should().BeEmpty();
    }

    [Fact]
    public void It_needs_no_script_and_nothing_of_its_own_style()
    {
        Html.Descendants().Select(element => element.Name.LocalName).Should().NotContain(["script", "style", "img", "iframe", "object", "form"]);
        Html.Descendants().Attributes().Select(attribute => attribute.Name.LocalName).Should().NotContain("style").And.NotContain(name => name.StartsWith("on", StringComparison.Ordinal));
        Documents.Page.Should().NotContain("`", "names in texts are shown as such");
        System.Text.Encoding.UTF8.GetString(OpenApiDocument.Resource("style.css")).Should().NotContain("url(").And.NotContain("@import");
    }

    [Fact]
    public void A_text_is_never_markup()
    {
        var document = new OpenApiDocument();
        document.Root["info"]!["description"] = "<script>alert(1)</script> & `<b>`";
        document.Root["paths"]!["/v1/complete"]!["post"]!["summary"] = "\"><img src=x onerror=alert(1)>";

        var page = new DocsPage(document).Render();

        Markup().Matches(page).Should().BeEmpty();
        page.Should().Contain("&lt;script&gt;alert(1)&lt;/script&gt; &amp; <code>&lt;b&gt;</code>");
    }

    [GeneratedRegex("<script|<img|<b>", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Markup();
}
