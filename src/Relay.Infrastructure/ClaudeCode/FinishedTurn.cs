using Relay.Application.Timing;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A turn whose answer is whole, and whose process may serve again once the turn is taken back.</summary>
internal sealed record FinishedTurn(IReadOnlyList<Guid> Frames, Task<ClaudeFrame?>? Reading, bool HasResult)
{
    /// <summary>Claude Code tells its result within some milliseconds of the message's end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Waits for the end of the turn, and takes it back. Returns whether the process is as before the turn.</summary>
    public async Task<bool> TakeBackAsync(ClaudeProcess process, TimeProvider clock, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(Patience, clock, cancellationToken);
        try
        {
            if (!HasResult && !await ReachResultAsync(process, deadline.Token))
            {
                return false;
            }

            process.Ticket!.End();
            return await process.RewindAsync(Frames, deadline.Token) && !process.Ticket.IsSpoilt;
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or ClaudeProtocolException)
        {
            return false;
        }
        finally
        {
            process.Ticket!.End();
        }
    }

    private async Task<bool> ReachResultAsync(ClaudeProcess process, CancellationToken cancellationToken)
    {
        var reading = Reading ?? process.ReadAsync(cancellationToken).AsTask();
        while (await reading.WaitAsync(cancellationToken) is { } frame)
        {
            using (frame)
            {
                if (frame.Type == "result")
                {
                    return true;
                }
            }

            reading = process.ReadAsync(cancellationToken).AsTask();
        }

        return false;
    }
}
