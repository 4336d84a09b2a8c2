using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>A request that may spend, until it is ended.</summary>
internal sealed class Admitted(QuotaCharge charge, ModelName? model, ModelName? countedAs)
{
    public QuotaCharge Charge { get; } = charge;

    /// <summary>The model that is to answer; null for pages.</summary>
    public ModelName? Model { get; } = model;

    /// <summary>The model that usage counts it under: an unlisted id counts under its family; null for pages.</summary>
    public ModelName? CountedAs { get; } = countedAs;

    public QueuePlace? Place { get; set; }

    public UpstreamPass? Pass { get; set; }
}
