namespace Relay.Api.Http;

/// <summary>A number of bytes for all keys together, and a quarter of it for each key.</summary>
internal sealed class MemoryBudget(long bytes)
{
    private const int Shares = 4;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _taken = new(StringComparer.Ordinal);
    private readonly long _share = bytes / Shares;
    private long _left = bytes;

    /// <summary>Takes room; false when there is none, or the key has its share already.</summary>
    public bool TryTake(string keyId, long bytes)
    {
        if (bytes == 0)
        {
            return true;
        }

        lock (_lock)
        {
            var taken = _taken.GetValueOrDefault(keyId) + bytes;
            if (_left < bytes || taken > _share)
            {
                return false;
            }

            _left -= bytes;
            _taken[keyId] = taken;
            return true;
        }
    }

    public void GiveBack(string keyId, long bytes)
    {
        if (bytes == 0)
        {
            return;
        }

        lock (_lock)
        {
            _left += bytes;
            if ((_taken[keyId] -= bytes) == 0)
            {
                _taken.Remove(keyId);
            }
        }
    }
}
