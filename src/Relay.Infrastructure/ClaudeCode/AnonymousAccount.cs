using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The configuration directory of a process that uses a login: it holds an account without an address, and the login stays in its
/// own directory. Claude Code puts the account's e-mail address into every prompt. It takes the address from <c>.claude.json</c>,
/// or, when that names no account, from Anthropic's profile of the login. This account looks complete, so that no profile is
/// asked for (measured on 2.1.290 and 2.1.330).
/// </summary>
internal static class AnonymousAccount
{
    /// <summary>The file's name in a configuration directory.</summary>
    public const string FileName = ".claude.json";

    /// <summary>The profile counts as read in the year 2100: Claude Code reads it anew after a day.</summary>
    private const string Content =
        """{"oauthAccount":{"accountUuid":"","emailAddress":"","organizationUuid":"","billingType":null,"accountCreatedAt":null,"subscriptionCreatedAt":null,"ccOnboardingFlags":{},"profileFetchedAt":4102444800000}}""";

    /// <summary>Writes the file into a directory of one process, which may change it.</summary>
    public static void WriteTo(string directory)
    {
        RelayHome.CreatePrivateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, FileName), Content);
    }

    /// <summary>The one file that all jails show, read-only. Made if it is missing.</summary>
    public static string EnsureShared(RelayHome home)
    {
        var path = Path.Combine(home.RunDirectory, "account.json");
        if (!File.Exists(path))
        {
            RelayHome.CreatePrivateDirectory(home.RunDirectory);
            var unfinished = Path.Combine(home.RunDirectory, Path.GetRandomFileName());
            File.WriteAllText(unfinished, Content);
            File.Move(unfinished, path, overwrite: true);
        }

        return path;
    }
}
