using FluentValidation;
using MediatR;
using Microsoft.Extensions.Options;
using Relay.Application.Pipeline;
using Relay.Domain;

namespace Relay.Application.Diagnostics;

/// <summary>
/// Looks for problems that would keep a relay from serving, and for facts that an operator should know. Disturbs no running relay.
/// </summary>
/// <param name="Only">One area; null for all.</param>
/// <param name="WithCall">Whether to make one real completion, which costs one request of the Claude account.</param>
public sealed record DiagnoseQuery(DiagnosticArea? Only = null, bool WithCall = false) : IRequest<Result<Diagnosis>>;

public sealed record Diagnosis(IReadOnlyList<Finding> Findings)
{
    /// <summary>Whether nothing failed; warnings are allowed.</summary>
    public bool IsHealthy => Findings.All(finding => finding.Status != FindingStatus.Fail);
}

/// <summary>The finding of one check. The detail may name files of this host: it is for its operator.</summary>
public sealed record Finding(string Check, FindingStatus Status, string Detail, string? Advice = null)
{
    /// <summary>All is well.</summary>
    public static Finding Pass(string check, string detail) => new(check, FindingStatus.Pass, detail);

    /// <summary>The relay works, and the operator should know.</summary>
    public static Finding Warn(string check, string detail, string? advice = null) => new(check, FindingStatus.Warn, detail, advice);

    /// <summary>The relay would not work, or not safely.</summary>
    public static Finding Fail(string check, string detail, string? advice = null) => new(check, FindingStatus.Fail, detail, advice);
}

/// <summary>The outcome of one check.</summary>
public enum FindingStatus
{
    /// <summary>All is well.</summary>
    Pass,

    /// <summary>The relay works, and the operator should know.</summary>
    Warn,

    /// <summary>The relay would not work, or not safely.</summary>
    Fail,
}

/// <summary>Checks one thing. Changes nothing that a relay uses.</summary>
public interface IDiagnosticCheck
{
    /// <summary>The area of the check.</summary>
    DiagnosticArea Area { get; }

    /// <summary>The thing that is checked, in a word. It names a check that breaks off.</summary>
    string Name { get; }

    /// <summary>Runs the check. An exception becomes a failed finding.</summary>
    Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken);
}

internal sealed class DiagnoseValidator : AbstractValidator<DiagnoseQuery>
{
    public DiagnoseValidator()
    {
        RuleFor(query => query.Only).IsInEnum();
        RuleFor(query => query.WithCall)
            .Must((query, withCall) => !withCall || query.Only is null or DiagnosticArea.ClaudeCode)
            .WithRelayError(ErrorCode.InvalidRequest, "call", "A call is made by the checks of Claude Code only.");
    }
}

internal sealed class DiagnoseHandler(IEnumerable<IDiagnosticCheck> checks) : IRequestHandler<DiagnoseQuery, Result<Diagnosis>>
{
    public async Task<Result<Diagnosis>> Handle(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        // One after another: the jail is probed before something is put into it.
        foreach (var check in checks.Where(check => query.Only is null || query.Only == check.Area))
        {
            findings.AddRange(await RunAsync(check, query, cancellationToken));
        }

        return new Diagnosis(findings);
    }

    private static async Task<IReadOnlyList<Finding>> RunAsync(
        IDiagnosticCheck check,
        DiagnoseQuery query,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await check.RunAsync(query, cancellationToken);
        }
        catch (OptionsValidationException)
        {
            return [Finding.Warn(check.Name, "Not checked: it depends on settings that are not valid.", "Mend the configuration first.")];
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // One broken thing must not hide the others.
            return [Finding.Fail(check.Name, $"The check broke off: {exception.Message}")];
        }
    }
}
