using Relay.Domain;

namespace Relay.Cli;

/// <summary>The exit codes, by which a script learns the outcome.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int NoSuchKey = 3;
    public const int LabelTaken = 4;
    public const int NotReady = 5;

    public static int Of(RelayError error) =>
        error switch
        {
            { Code: ErrorCode.NotFound } => NoSuchKey,
            { Code: ErrorCode.Conflict, Field: "label" } => LabelTaken,
            { Code: ErrorCode.InvalidRequest or ErrorCode.UnknownModel } => WrongUsage,
            _ => Failed,
        };
}
