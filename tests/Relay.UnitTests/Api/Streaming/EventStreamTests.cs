using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Time.Testing;
using Relay.Api.Streaming;
using Relay.Application.Serving;

namespace Relay.UnitTests.Api.Streaming;

public sealed class EventStreamTests
{
    /// <summary>Kestrel resets a connection whose flush is cancelled, and with it the answer that was to follow.</summary>
    [Fact]
    public async Task A_heartbeat_on_its_way_is_waited_for_and_not_called_off()
    {
        var clock = new FakeTimeProvider(Any.Time);
        var wire = new SlowWire();
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(wire));
        await using var stream = new EventStream(context, new ServerOptions { HeartbeatAfter = TimeSpan.FromSeconds(1) }, clock);
        await Waiting.UntilAsync(() => wire.Writing.IsCompleted, "a heartbeat is on its way", () => clock.Advance(TimeSpan.FromSeconds(1)));

        var quiet = stream.QuietAsync(Waiting.Token);
        wire.WasCancelled.Should().BeFalse();
        quiet.IsCompleted.Should().BeFalse();
        wire.Go();
        await quiet.InTime();

        Encoding.UTF8.GetString(wire.ToArray()).Should().Be(": still working\n");
    }

    private sealed class SlowWire : MemoryStream
    {
        private readonly TaskCompletionSource _writing = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _going = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Writing => _writing.Task;

        public bool WasCancelled { get; private set; }

        public void Go() => _going.SetResult();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await using var cancelled = cancellationToken.Register(() => WasCancelled = true);
            _writing.TrySetResult();
            await _going.Task.WaitAsync(cancellationToken);
            Write(buffer.Span);
        }
    }
}
