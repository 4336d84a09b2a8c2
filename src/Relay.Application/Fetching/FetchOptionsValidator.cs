using Microsoft.Extensions.Options;
using Relay.Application.Serving;

namespace Relay.Application.Fetching;

internal sealed class FetchOptionsValidator : IValidateOptions<FetchOptions>
{
    public ValidateOptionsResult Validate(string? name, FetchOptions options)
    {
        var (_, problems) = FetchPolicyReader.Read(options, new ServerOptions());
        if (options.UserAgent.Length == 0 || options.UserAgent.Any(letter => letter is < ' ' or > '~'))
        {
            problems = [.. problems, "FETCH_USER_AGENT: must be plain ASCII."];
        }

        // The message leaves out the address, which may hold a password.
        if (
            options.Proxy is { } proxy
            && (proxy.Scheme != Uri.UriSchemeHttp || proxy.PathAndQuery != "/" || proxy.Fragment.Length > 0 || proxy.Host.Length == 0)
        )
        {
            problems =
            [
                .. problems,
                "FETCH_PROXY: must be http://host:port, with nothing behind the port. The relay speaks plain HTTP with the proxy; pages "
                    + "of https stay encrypted through it.",
            ];
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}
