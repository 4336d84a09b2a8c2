using Relay.Domain;

namespace Relay.Application.Telemetry;

/// <summary>Names the error of a step that ended with an exception, for metrics and traces.</summary>
internal static class ErrorName
{
    public static string Of(Exception exception, CancellationToken callerLeft) =>
        exception switch
        {
            RelayErrorException failure => failure.Error.WireName,
            OperationCanceledException when callerLeft.IsCancellationRequested => ErrorCode.ClientClosed.WireName(),
            _ => ErrorCode.InternalError.WireName(),
        };
}
