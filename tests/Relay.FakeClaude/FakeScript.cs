using System.Text.Json;
using System.Text.Json.Serialization;

namespace Relay.FakeClaude;

/// <summary>The behaviour of one fake CLI process, read once from <c>fake-claude.json</c> when the process starts.</summary>
public sealed record FakeScript
{
    /// <summary>
    /// The line that <see cref="FakeBehavior.StderrFlood"/> writes over and over: it has a secret's shape and must never surface.
    /// </summary>
    public const string StderrSecret = "sk-ant-api03-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    /// <summary>The version that <c>--version</c>, the initialize answer and the init frame report.</summary>
    public string Version { get; set; } = "2.1.330";

    public FakeBehavior Behavior { get; set; } = FakeBehavior.Answer;

    public string Answer { get; set; } = "ok";

    /// <summary>Answers with the prompt's own text instead of <see cref="Answer"/>.</summary>
    public bool EchoPrompt { get; set; }

    /// <summary>The answer of a process that was told a schema, as JSON; whether it fits is not looked at.</summary>
    public string StructuredOutput { get; set; } = "{}";

    /// <summary>The number of <c>text_delta</c> events that the answer is cut into.</summary>
    public int Deltas { get; set; } = 1;

    /// <summary>Milliseconds before each of the <see cref="TimedDeltas"/> but the first.</summary>
    public int DeltaDelayMs { get; set; }

    /// <summary>
    /// Instead of the answer, each delta's text is the moment of its writing, as <see cref="System.Diagnostics.Stopwatch.GetTimestamp"/>
    /// tells it to every process of a Linux machine, and a blank.
    /// </summary>
    public bool TimedDeltas { get; set; }

    /// <summary>
    /// Milliseconds of silence after init and before the first token; under <see cref="FakeBehavior.SlowAnswer"/> before the result
    /// instead.
    /// </summary>
    public int DelayMs { get; set; }

    public IReadOnlyList<string> InitTools { get; set; } = [];

    /// <summary>Server names; each is listed as connected.</summary>
    public IReadOnlyList<string> InitMcpServers { get; set; } = [];

    public IReadOnlyList<string> InitSlashCommands { get; set; } = [];

    public IReadOnlyList<string> InitSkills { get; set; } = [];

    /// <summary>The default is what the real CLI always lists under the locked-down launch.</summary>
    public IReadOnlyList<FakePlugin> InitPlugins { get; set; } =
    [new("cc-plugin-agents-md"), new("cc-plugin-privacy"), new("cc-plugin-plugin-authoring")];

    public string InitPermissionMode { get; set; } = "default";

    /// <summary>
    /// From which real turn on the <c>Init…</c> values are shown: 0 also in the self-test's empty turn, 1 only in real turns.
    /// </summary>
    public int InitOnlyFromTurn { get; set; }

    /// <summary>In the init frame, and unless <c>none</c> in the initialize answer's account: which API key the CLI would use.</summary>
    public string ApiKeySource { get; set; } = "ANTHROPIC_API_KEY";

    /// <summary>In the initialize answer's account; <c>CLAUDE_CODE_OAUTH_TOKEN</c> with a subscription token.</summary>
    public string TokenSource { get; set; } = "none";

    /// <summary>Never answers <c>initialize</c>.</summary>
    public bool IgnoreInitialize { get; set; }

    /// <summary>Answers <c>initialize</c> with an error.</summary>
    public bool RefuseInitialize { get; set; }

    /// <summary>Outlives its stdin, as the real CLI does in the middle of a turn.</summary>
    public bool IgnoreEof { get; set; }

    /// <summary>
    /// The length of the line of <see cref="FakeBehavior.HugeLine"/> in bytes, its few hundred bytes of frame not counted.
    /// </summary>
    public int HugeLineBytes { get; set; } = 50 * 1024 * 1024;

    public int StderrBytes { get; set; } = 20 * 1024 * 1024;

    /// <summary>Number of <c>message_start</c> events that <see cref="FakeBehavior.ManyMessageStarts"/> sends in its one turn.</summary>
    public int MessageStarts { get; set; } = 5;

    /// <summary>
    /// Milliseconds that a <see cref="FakeBehavior.DieWhileParked"/> process lives after its start, and anew after initialize.
    /// </summary>
    public int ParkedLifeMs { get; set; } = 300;

    /// <summary>The upstream status of <see cref="FakeBehavior.ErrorResult"/>.</summary>
    public int? ErrorStatus { get; set; }

    /// <summary>The <c>error</c> on the assistant frame of <see cref="FakeBehavior.ErrorResult"/>.</summary>
    public string ErrorName { get; set; } = "unknown";

    public string ErrorText { get; set; } = "API Error";

    /// <summary>The <c>total_cost_usd</c> of an answer.</summary>
    public decimal CostUsd { get; set; } = 0.000002m;

    /// <summary>
    /// The kind of a <c>rate_limit_event</c> with the status <c>rejected</c>, sent before the result of <see
    /// cref="FakeBehavior.ErrorResult"/>; null for none.
    /// </summary>
    public string? LimitKind { get; set; }

    /// <summary>In how many seconds that limit resets.</summary>
    public int LimitResetsIn { get; set; } = 60;

    public string TerminalReason { get; set; } = "api_error";

    /// <summary>
    /// The number of the folder's first processes that <see cref="FakeBehavior.ExitBeforeReading"/> is for; those after them
    /// answer.
    /// </summary>
    public int ExitUntil { get; set; } = int.MaxValue;

    internal byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, FakeScriptJson.Default.FakeScript);
}

/// <summary>A plugin in the init frame. Those that the CLI brings itself have the path <c>builtin</c>.</summary>
public sealed record FakePlugin(string Name, string Path = "builtin");

/// <summary>The deviation of the process. Unless a member says otherwise, from init of the first real turn on.</summary>
public enum FakeBehavior
{
    /// <summary>Answers as the real CLI does.</summary>
    Answer,

    /// <summary>Init, then silence.</summary>
    Stall,

    /// <summary>Silence, without init.</summary>
    StallBeforeInit,

    /// <summary>Half a result line, then exit 0.</summary>
    HalfLine,

    /// <summary>Half a result line, then silence.</summary>
    HalfLineThenStall,

    /// <summary>A valid successful result line that is far too long: a reader without a cap returns it as an answer.</summary>
    HugeLine,

    /// <summary>A result line that never ends, written until the pipe breaks.</summary>
    EndlessLine,

    /// <summary>Three lines that are not JSON, then exit 0.</summary>
    Garbage,

    /// <summary>Lines that are not JSON, written until the pipe breaks.</summary>
    GarbageForever,

    /// <summary>Silence without init; SIGTERM, SIGINT and the end of stdin are ignored from the start.</summary>
    IgnoreSigterm,

    /// <summary>Starts a child that holds stdout and stderr, answers, and exits without waiting for the end of stdin.</summary>
    Grandchild,

    /// <summary>Starts a child that holds stdout and stderr, then silence.</summary>
    GrandchildStall,

    /// <summary>Exit 3 at the start, nothing read.</summary>
    ExitBeforeReading,

    /// <summary>Init, then exit 3.</summary>
    ExitAfterInit,

    /// <summary>Writes <see cref="FakeScript.StderrBytes"/> of <see cref="FakeScript.StderrSecret"/> to stderr, then answers.</summary>
    StderrFlood,

    /// <summary>Several messages in one turn, as if the model had been asked again and again, then a successful result.</summary>
    ManyMessageStarts,

    /// <summary>A result with <c>is_error: true</c> and <c>subtype: success</c>; exit 1 at the end of stdin.</summary>
    ErrorResult,

    /// <summary>A result with <c>subtype: error_max_turns</c>; exit 1 at the end of stdin.</summary>
    MaxTurns,

    /// <summary>No account in the initialize answer, and the error result of a CLI without a login; exit 1 at the end of stdin.</summary>
    NotLoggedIn,

    /// <summary>The answer's events at once, the result after <see cref="FakeScript.DelayMs"/>.</summary>
    SlowAnswer,

    /// <summary>Exits by itself <see cref="FakeScript.ParkedLifeMs"/> after start or initialize, if no real turn came.</summary>
    DieWhileParked,

    /// <summary>An <c>api_retry</c> frame for a 401 each second, until the pipe breaks.</summary>
    ApiRetryForever,
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true,
    WriteIndented = true
)]
[JsonSerializable(typeof(FakeScript))]
internal sealed partial class FakeScriptJson : JsonSerializerContext;
