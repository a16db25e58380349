// cdk-nag's AwsSolutions rules on expanded templates: one line of JSON on the standard output.
// Usage: node run_nag.cjs FOLDER FILE...; FOLDER has the node_modules.
"use strict";

const { createRequire } = require("node:module");
const { join } = require("node:path");

const [folder, ...files] = process.argv.slice(2);
const load = createRequire(join(folder, "package.json"));
const { App, Stack } = load("aws-cdk-lib");
const { CfnInclude } = load("aws-cdk-lib/cloudformation-include");
const { AwsSolutionsChecks } = load("cdk-nag");

const NOT_APPLICABLE = "N/A";
const rules = new Set();
const checks = {};

// Counts what was judged: cdk-nag itself says only what failed.
class Counting extends AwsSolutionsChecks {
  constructor(app, file) {
    super(app, { verbose: true });
    this.file = file;
  }

  applyRule(params) {
    const rule = params.rule;
    const counted = (node) => {
      const result = rule(node);
      if (result !== NOT_APPLICABLE) {
        rules.add(params.ruleSuffixOverride);
        checks[this.file] = (checks[this.file] ?? 0) + 1;
      }
      return result;
    };
    super.applyRule({ ...params, rule: Object.defineProperty(counted, "name", { value: rule.name }) });
  }
}

const findings = files.flatMap((file) => {
  const app = new App({ analyticsReporting: false });
  new CfnInclude(new Stack(app, "stack"), "template", { templateFile: file });
  const { violations } = new Counting(app, file).validateScope(app);
  return violations.flatMap(({ ruleName, description, violatingResources }) => {
    // "AwsSolutions-IAM5[Resource::*]": the rule, and what it is about.
    const [rule, about] = ruleName.split(/\[(.*)\]$/);
    const end = description.indexOf(". ") + 1;
    return violatingResources.map(({ constructPath }) => ({
      rule,
      file,
      resource: constructPath.split("/").at(-1),
      what: description.slice(0, end || undefined) + (about ? ` Here: ${about}` : ""),
      todo: description.slice(end).trim() || "mend the resource",
    }));
  });
});

console.log(JSON.stringify({ checks, rules: rules.size, findings }));
