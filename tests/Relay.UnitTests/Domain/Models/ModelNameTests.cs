using Relay.Domain;
using Relay.Domain.Models;

namespace Relay.UnitTests.Domain.Models;

public sealed class ModelNameTests
{
    [Theory]
    [InlineData("opus")]
    [InlineData("a")]
    [InlineData("claude-opus-5-5")]
    [InlineData("sonnet[1m]")]
    [InlineData("us.anthropic.claude-sonnet-4-20250514-v1:0")]
    [InlineData("claude-opus-4@20250514")]
    public void Names_that_Claude_Code_takes_are_accepted(string text)
    {
        ModelName.Create(text).Value.Value.Should().Be(text);
        ModelName.Create(text).Value.ToString().Should().Be(text);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("-p")]
    [InlineData("--dangerously-skip-permissions")]
    [InlineData("1opus")]
    [InlineData("[1m]")]
    [InlineData("Opus")]
    [InlineData("opus ")]
    [InlineData("opus\n")]
    [InlineData("opus\0")]
    [InlineData("opus/4")]
    [InlineData("opus;ls")]
    [InlineData("opus$HOME")]
    [InlineData("opüs")]
    [InlineData("оpus")]
    public void Anything_that_could_mean_something_on_a_command_line_is_refused(string text) =>
        ModelName.Create(text).Error.Should().BeEquivalentTo(new { Code = ErrorCode.UnknownModel, Field = "model" });

    [Fact]
    public void The_longest_name_is_accepted_and_one_more_character_is_not()
    {
        ModelName.Create(new string('a', ModelName.MaxLength)).Error.Should().BeNull();
        ModelName.Create(new string('a', ModelName.MaxLength + 1)).Error.Should().NotBeNull();
    }

    [Theory]
    [InlineData("claude-sonnet-4-5-20250929", "sonnet")]
    [InlineData("claude-3-5-sonnet-20241022", "sonnet")]
    [InlineData("claude-fable-5", "fable")]
    [InlineData("claude-fable-5[1m]", "fable")]
    [InlineData("claude-2.1", "claude-2.1")]
    [InlineData("fable", "fable")]
    [InlineData("us.anthropic.claude-haiku-4", "haiku")]
    public void A_full_id_tells_its_family_also_one_that_nobody_has_heard_of(string id, string family)
    {
        ModelName.Create(id).Value.Family.Should().Be(family);
        ModelName
            .Create(family)
            .Value.Covers(ModelName.Create(id).Value)
            .Should()
            .Be(id == family || id.StartsWith("claude-", StringComparison.Ordinal));
    }

    [Fact]
    public void A_refusal_does_not_echo_the_text() => ModelName.Create("<script>").Error!.Message.Should().NotContain("script");
}
