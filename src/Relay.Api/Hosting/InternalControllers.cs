using System.Reflection;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Controllers;

namespace Relay.Api.Hosting;

/// <summary>Finds controllers although they are internal, like all types that no other project uses.</summary>
internal sealed class InternalControllers : ControllerFeatureProvider
{
    protected override bool IsController(TypeInfo typeInfo) => typeInfo.IsSubclassOf(typeof(ControllerBase)) && !typeInfo.IsAbstract;
}
