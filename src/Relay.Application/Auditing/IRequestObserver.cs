namespace Relay.Application.Auditing;

/// <summary>Gets every request with a good key, once, when it is over.</summary>
public interface IRequestObserver
{
    /// <summary>Takes the request's audit entry; must not wait.</summary>
    void Observe(AuditEntry entry);

    /// <summary>Takes a request without a good key, of which only the error is known; must not wait.</summary>
    void ObserveUnauthenticated(string error) { }
}
