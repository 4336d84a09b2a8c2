using Relay.UnitTests.Infrastructure.ClaudeCode;
using Relay.UnitTests.Infrastructure.Html;
using Relay.UnitTests.Infrastructure.Pdf;
using Relay.UnitTests.Redis;

[assembly: TestCollectionOrderer(typeof(Relay.UnitTests.Support.LongestUnitTests))]

namespace Relay.UnitTests.Support;

/// <summary>The unit tests that start first.</summary>
public sealed class LongestUnitTests()
    : LongestFirst(
        nameof(RedisFailureTests),
        nameof(WarmPoolTests),
        nameof(RedisDelayTests),
        nameof(PdfReaderTests),
        nameof(RenderTimeTests)
    );
