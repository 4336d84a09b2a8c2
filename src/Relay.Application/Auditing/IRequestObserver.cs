namespace Relay.Application.Auditing;

/// <summary>Is told of every request with a good key, once, when it is over.</summary>
public interface IRequestObserver
{
    /// <summary>Takes what the audit log takes; must not wait.</summary>
    void Observe(AuditEntry entry);

    /// <summary>Takes note of a request without a good key, of which no more is known than its error; must not wait.</summary>
    void ObserveUnauthenticated(string error) { }
}
