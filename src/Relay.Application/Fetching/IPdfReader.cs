using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Application.Fetching;

/// <summary>Reads the text of PDF files, in bounded time and memory whatever the file holds.</summary>
public interface IPdfReader
{
    /// <summary>The text of a file.</summary>
    /// <param name="file">The file, or its beginning.</param>
    /// <param name="caller">The id of the key that asks. One key does not get all places.</param>
    /// <param name="cancellationToken">Cancelled when the caller leaves, or when the file takes too long.</param>
    /// <returns>
    /// The text, as far as it was read within the bounds; <see cref="ErrorCode.UnsupportedContentType"/> for a file that is encrypted or
    /// is not a PDF; <see cref="ErrorCode.Overloaded"/> where too many files wait already.
    /// </returns>
    /// <exception cref="OperationCanceledException">The work was cancelled.</exception>
    Task<Result<PdfText>> ReadAsync(ReadOnlyMemory<byte> file, string caller, CancellationToken cancellationToken);
}
