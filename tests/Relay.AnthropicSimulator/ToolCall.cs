using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.AnthropicSimulator;

/// <summary>One <c>tool_use</c> block of a simulated answer.</summary>
public sealed record ToolCall
{
    /// <summary>The tool's name, offered by the request or not.</summary>
    public required string Name { get; init; }

    /// <summary>The tool's input, any JSON object.</summary>
    public required JsonElement Input { get; init; }

    /// <summary>A call whose input is given as JSON text.</summary>
    /// <exception cref="JsonException"><paramref name="inputJson"/> is not JSON.</exception>
    public static ToolCall Of(string name, string inputJson) => new() { Name = name, Input = JsonElement.Parse(inputJson) };

    /// <summary>The same call with the number of its round in its input.</summary>
    internal ToolCall OfRound(int round)
    {
        var input = JsonObject.Create(Input)!;
        input["round"] = round;
        return this with { Input = JsonSerializer.SerializeToElement(input) };
    }
}
