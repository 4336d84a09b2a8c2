namespace Relay.Domain.Completions;

/// <summary>
/// The turns so far, oldest first. The first and the last turn are the caller's, and the sides alternate. Several messages of one side in a
/// row are one turn, as Anthropic's API reads them.
/// </summary>
public sealed class Conversation
{
    /// <summary>Most messages taken; each costs Claude Code about 12 ms to take in.</summary>
    public const int MaxMessages = 500;

    /// <summary>Most blocks of one message. Each takes some hundred bytes of memory besides its words.</summary>
    public const int MaxBlocksPerMessage = 1000;

    /// <summary>Most blocks of all messages.</summary>
    public const int MaxBlocks = 5000;

    /// <summary>Most pictures of all messages.</summary>
    public const int MaxImages = 20;

    /// <summary>
    /// Most pixels of all pictures: Claude Code unpacks one after the other, which takes about 10 s of a processor for so many.
    /// </summary>
    public const long MaxPixels = 100_000_000;

    /// <summary>Most pages of all PDFs, the most that Anthropic takes of one request. Models with a smaller context take 100.</summary>
    public const int MaxPages = 600;

    private Conversation(IReadOnlyList<ChatMessage> turns) => Turns = turns;

    /// <summary>User, assistant, user, …, user.</summary>
    public IReadOnlyList<ChatMessage> Turns { get; }

    /// <summary>The turns before the one that is to be answered.</summary>
    public IEnumerable<ChatMessage> History => Turns.Take(Turns.Count - 1);

    /// <summary>The turn that is to be answered.</summary>
    public ChatMessage Last => Turns[^1];

    /// <summary>UTF-8 bytes of all words, those of documents included.</summary>
    public long TextBytes =>
        Blocks.Sum(block =>
            block switch
            {
                TextBlock words => words.Text.Utf8Bytes,
                ToolCallBlock call => call.Call.Utf8Bytes,
                ToolResultBlock result => result.CallId.Length,
                DocumentBlock document => document.TextBytes,
                _ => 0L,
            }
        );

    /// <summary>Names of the tools that the model called so far, each once for each call.</summary>
    public IEnumerable<string> CalledTools => Blocks.OfType<ToolCallBlock>().Select(block => block.Call.Name);

    /// <summary>
    /// Whether the turn to be answered holds results of tools: the model then continues the turn in which it called them.
    /// </summary>
    public bool ContinuesCalls => Last.Content.Any(block => block is ToolResultBlock);

    /// <summary>The number of pictures.</summary>
    public int Images => Blocks.Count(block => block is ImageBlock or ImageLink);

    /// <summary>Whether it shows a document.</summary>
    public bool HasDocuments => Blocks.Any(block => block is DocumentBlock);

    /// <summary>Pages of all PDFs, estimated.</summary>
    public int Pages => Blocks.OfType<DocumentBlock>().Sum(document => document.Source.Pages);

    /// <summary>Whether the answer is to cite a document.</summary>
    public bool HasCitations => Blocks.OfType<DocumentBlock>().Any(document => document.HasCitations);

    /// <summary>All blocks, with the blocks of a result after that result.</summary>
    private IEnumerable<ContentBlock> Blocks =>
        Turns
            .SelectMany(turn => turn.Content)
            .SelectMany(block => block is ToolResultBlock result ? [block, .. result.Content] : (IEnumerable<ContentBlock>)[block]);

    /// <summary>A single question.</summary>
    public static Conversation Of(PromptText prompt) => new([ChatMessage.Of(ChatRole.User, prompt)]);

    /// <summary>Accepts messages that a model could answer.</summary>
    /// <param name="field">The wire name used in errors.</param>
    /// <param name="messages">As the caller ordered them.</param>
    public static Result<Conversation> Create(string field, IReadOnlyList<ChatMessage> messages)
    {
        if (messages.Count is 0 or > MaxMessages)
        {
            return RelayError.Invalid(field, $"'{field}' takes 1 to {MaxMessages} messages.");
        }

        if (
            messages.Any(message => message.Content.Count > MaxBlocksPerMessage)
            || messages.Sum(message => message.Content.Sum(BlocksOf)) > MaxBlocks
        )
        {
            return TooManyBlocks(field);
        }

        if (messages[0].Role != ChatRole.User)
        {
            return RelayError.Invalid(field, $"'{field}' must begin with a message of the user.");
        }

        if (messages[^1].Role != ChatRole.User)
        {
            return RelayError.Invalid(
                field,
                $"'{field}' must end with a message of the user: Claude Code can't go on with an answer that was begun for it."
            );
        }

        var turns = new List<ChatMessage>();
        foreach (var message in messages)
        {
            if (turns.Count > 0 && turns[^1].Role == message.Role)
            {
                turns[^1] = message with { Content = [.. turns[^1].Content, .. message.Content] };
            }
            else
            {
                turns.Add(message);
            }
        }

        if (ToolPairs.FindProblem(field, turns) is { } unpaired)
        {
            return unpaired;
        }

        var conversation = new Conversation(turns);
        if (conversation.Images > MaxImages)
        {
            return RelayError.Invalid(field, $"'{field}' holds more than {MaxImages} pictures. Send fewer.");
        }

        if (conversation.Pages > MaxPages)
        {
            return RelayError.Invalid(field, $"'{field}' holds PDFs of more than {MaxPages} pages together. Send fewer pages.");
        }

        return conversation.Blocks.OfType<ImageBlock>().Sum(image => image.Pixels) <= MaxPixels
            ? conversation
            : RelayError.Invalid(
                field,
                $"'{field}' holds pictures of more than {MaxPixels} pixels together. Send fewer or smaller pictures."
            );
    }

    /// <summary>A document in parts takes as much memory as its parts would as blocks.</summary>
    private static int BlocksOf(ContentBlock block) =>
        block is DocumentBlock { Source: PartsSource { Parts: var parts } } ? 1 + parts.Count : 1;

    /// <summary>The refusal of a message, or of a conversation, with too many blocks.</summary>
    /// <param name="field">The wire name of the message's content, or of the messages.</param>
    public static RelayError TooManyBlocks(string field) =>
        RelayError.Invalid(
            field,
            $"'{field}' holds too many blocks: at most {MaxBlocksPerMessage} of one message, and {MaxBlocks} of all. Join neighbouring "
                + "texts "
                + $"into one block."
        );

    /// <summary>Hides the words.</summary>
    public override string ToString() => $"Conversation {{ {Turns.Count} turns, *** }}";
}
