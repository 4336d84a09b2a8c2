using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.UnitTests.Support;

/// <summary>The words of a turn's pieces.</summary>
internal static class AnswerPieces
{
    /// <summary>The next words; null for none.</summary>
    public static string? TakeWords(this CompletionTurn turn) => (turn.Messages.TakePiece() as WordsPiece)?.Text;

    /// <summary>The words that were not taken yet.</summary>
    public static string TakeRestWords(this CompletionTurn turn, string text) =>
        string.Concat(turn.Messages.TakeRest(text).Cast<WordsPiece>().Select(piece => piece.Text));
}
