namespace Relay.Infrastructure.Html;

/// <summary>The reason why there is no piece.</summary>
internal enum CutProblem
{
    /// <summary>There is a piece.</summary>
    None,

    /// <summary>The content ends before the offset.</summary>
    OffsetBehindEnd,

    /// <summary>The tag at the beginning is larger than a piece may be.</summary>
    TooLargeToCut,
}
