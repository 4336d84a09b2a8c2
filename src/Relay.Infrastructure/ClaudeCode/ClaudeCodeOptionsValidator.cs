using Microsoft.Extensions.Options;

namespace Relay.Infrastructure.ClaudeCode;

internal sealed class ClaudeCodeOptionsValidator : IValidateOptions<ClaudeCodeOptions>
{
    /// <summary>Finds tokens that were copied with a letter too many. Anthropic refuses them at each call.</summary>
    private static IEnumerable<string> FindBadLetters(ClaudeCodeOptions options)
    {
        var (name, secret) = options.Auth switch
        {
            ClaudeAuth.OauthToken => ("CLAUDE_CODE_OAUTH_TOKEN", options.OAuthToken),
            ClaudeAuth.ApiKey => ("ANTHROPIC_API_KEY", options.ApiKey),
            _ => (string.Empty, null),
        };
        var place = (secret ?? string.Empty).AsSpan().IndexOfAnyExceptInRange('!', '~');
        if (place >= 0)
        {
            var kind = secret![place] switch
            {
                ' ' or '\t' => "a blank",
                '\r' or '\n' => "a line break",
                _ => "no visible ASCII letter",
            };
            yield return $"{name}: its character {place + 1} of {secret.Length} is {kind}. Copy it again, in one piece and on one line.";
        }
    }

    public ValidateOptionsResult Validate(string? name, ClaudeCodeOptions options)
    {
        var problems = new List<string>();
        if (options.Auth == ClaudeAuth.OauthToken && string.IsNullOrEmpty(options.OAuthToken))
        {
            problems.Add("CLAUDE_CODE_OAUTH_TOKEN: missing, and CLAUDE_AUTH=oauth-token needs it. 'claude setup-token' makes one.");
        }

        if (options.Auth == ClaudeAuth.ApiKey && string.IsNullOrEmpty(options.ApiKey))
        {
            problems.Add("ANTHROPIC_API_KEY: missing, and CLAUDE_AUTH=api-key needs it.");
        }

        problems.AddRange(FindBadLetters(options));
        if (options.BaseUrl is { } url && url.Scheme != Uri.UriSchemeHttps && !(url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
        {
            problems.Add("CLAUDE_BASE_URL: must be https, or http on loopback: prompts and the login travel over it.");
        }

        problems.AddRange(
            options
                .PassEnv.Where(ClaudeEnvironment.IsReserved)
                .Select(variable =>
                    $"CLAUDE_PASS_ENV: {variable} can't be passed: it decides who pays, where the login goes, or what Claude Code loads."
                )
        );
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}
