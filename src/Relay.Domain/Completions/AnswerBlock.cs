namespace Relay.Domain.Completions;

/// <summary>A part of a finished answer.</summary>
public abstract record AnswerBlock
{
    private protected AnswerBlock() { }

    /// <summary>The whole part as the pieces of a running answer.</summary>
    public abstract IEnumerable<AnswerPiece> ToPieces();
}

/// <summary>Words of the model. Prints <c>***</c>.</summary>
public sealed record AnswerText(string Text) : AnswerBlock
{
    /// <summary>The places in the caller's documents that the words cite: each a JSON object, as the API wrote it.</summary>
    public IReadOnlyList<string> Citations { get; init; } = [];

    public override IEnumerable<AnswerPiece> ToPieces() => Text.Length == 0 ? [] : [new WordsPiece(Text)];

    public override string ToString() => "AnswerText { *** }";
}

/// <summary>A call of one of the caller's tools.</summary>
public sealed record AnswerCall(ToolCall Call) : AnswerBlock
{
    public override IEnumerable<AnswerPiece> ToPieces() =>
        [new CallBegins(Call.Id, Call.Name), new CallInputPiece(Call.RevealInput()), new CallEnds(Call)];
}

/// <summary>A thought of the model, for a caller who asked for thoughts. Prints <c>***</c>.</summary>
/// <param name="Text">Its words; empty where the API shows none.</param>
/// <param name="Signature">The API's signature; null for none.</param>
public sealed record AnswerThought(string Text, string? Signature) : AnswerBlock
{
    public override IEnumerable<AnswerPiece> ToPieces() =>
        Text.Length == 0 ? [new ThoughtEnds(this)] : [new ThoughtPiece(Text), new ThoughtEnds(this)];

    public override string ToString() => "AnswerThought { *** }";
}

/// <summary>A thought that the API shows in encrypted form only. Prints <c>***</c>.</summary>
public sealed record HiddenThought(string Data) : AnswerBlock
{
    public override IEnumerable<AnswerPiece> ToPieces() => [new HiddenThoughtPiece(this)];

    public override string ToString() => "HiddenThought { *** }";
}

/// <summary>
/// A piece of a running answer. The pieces of one block follow each other. A block has words; or the begin of a call, its input and its
/// end; or the words of a thought and its end.
/// </summary>
public abstract record AnswerPiece
{
    private protected AnswerPiece() { }
}

/// <summary>The next words. Prints <c>***</c>.</summary>
public sealed record WordsPiece(string Text) : AnswerPiece
{
    public override string ToString() => "WordsPiece { *** }";
}

/// <summary>
/// A place in the caller's documents that the words of this block cite: a JSON object, as the API wrote it. Prints <c>***</c>.
/// </summary>
public sealed record CitationPiece(string Json) : AnswerPiece
{
    public override string ToString() => "CitationPiece { *** }";
}

/// <summary>The end of a block of words. It comes only in answers that may cite documents; other answers have one block of words.</summary>
public sealed record WordsEnd(AnswerText Text) : AnswerPiece;

/// <summary>The model begins to call a tool.</summary>
public sealed record CallBegins(string Id, string Name) : AnswerPiece;

/// <summary>
/// The next part of the input of the call that has begun: text that is JSON once all parts are joined. Prints <c>***</c>.
/// </summary>
public sealed record CallInputPiece(string Json) : AnswerPiece
{
    public override string ToString() => "CallInputPiece { *** }";
}

/// <summary>The call is whole. A call that the answer's cap cut off has no end.</summary>
public sealed record CallEnds(ToolCall Call) : AnswerPiece;

/// <summary>The next words of a thought. Prints <c>***</c>.</summary>
public sealed record ThoughtPiece(string Text) : AnswerPiece
{
    public override string ToString() => "ThoughtPiece { *** }";
}

/// <summary>The thought is whole; of one without visible words it is the only piece.</summary>
public sealed record ThoughtEnds(AnswerThought Thought) : AnswerPiece;

/// <summary>A thought that the API shows in encrypted form only.</summary>
public sealed record HiddenThoughtPiece(HiddenThought Thought) : AnswerPiece;
