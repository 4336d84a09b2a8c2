namespace Relay.Bench;

/// <summary>A Kestrel endpoint that does nothing but answer a refusal's bytes: what any server of this kind costs at least.</summary>
internal static class BareServer
{
    /// <summary>Serves until it is told to stop.</summary>
    public static async Task RunAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.MapPost(
            "/v1/complete",
            (HttpContext context) =>
            {
                context.Response.StatusCode = StatusCodes.Status401Unauthorized;
                return context.Response.WriteAsJsonAsync(
                    new
                    {
                        ok = false,
                        error = new { code = "unauthorized", message = "Send a valid key as 'Authorization: Bearer KEY'." },
                        request_id = "req_000000000000000000000000",
                    },
                    context.RequestAborted
                );
            }
        );
        await app.StartAsync();
        Console.WriteLine($"listening on {app.Urls.First()}");
        await app.WaitForShutdownAsync();
    }
}
