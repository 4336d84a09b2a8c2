using System.Reflection;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Controllers;

namespace Relay.Api.Hosting;

/// <summary>Finds controllers although they are internal, like everything that is nobody else's to use.</summary>
internal sealed class InternalControllers : ControllerFeatureProvider
{
    /// <inheritdoc/>
    protected override bool IsController(TypeInfo typeInfo) => typeInfo.IsSubclassOf(typeof(ControllerBase)) && !typeInfo.IsAbstract;
}
