using Relay.Infrastructure.Diagnostics;
using Relay.UnitTests.Architecture;

namespace Relay.UnitTests.Infrastructure.Diagnostics;

public sealed class UnknownSettingsTests
{
    [Theory]
    [InlineData("WARM_IDLE", "ten minutes")]
    [InlineData("WRITE_TIMEOUT", "ten seconds")]
    [InlineData("IDEMPOTENCY_MAX_BYTES", "100 MB")]
    [InlineData("STATE_FAILURE", "refused")]
    public void A_removed_setting_is_explained_and_is_no_setting(string name, string reason)
    {
        UnknownSettings.FindReason(name).Should().Contain(reason);
        Solution.Options.SelectMany(Solution.Settings).Select(setting => setting.Attribute.Name).Should().NotContain(name);
    }
}
