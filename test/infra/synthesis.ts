/** The stacks as CloudFormation gets them, synthesised with the context of cdk.json but without bundling the functions. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { type CloudAssembly, SynthesisMessageLevel } from 'aws-cdk-lib/cx-api';
import { afterAll, vi } from 'vitest';
import cdk from '../../cdk.json' with { type: 'json' };
import { addStacks } from '../../infra/stacks.ts';

/** A statement of a policy, with its actions and resources always as lists. */
export interface Statement {
  actions: string[];
  resources: unknown[];
  condition: unknown;
}

/** Holds what is synthesised for one file of tests. */
const folder = mkdtempSync(join(tmpdir(), 'cellzero-synth-'));
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Makes the app; what its synthesis writes is gone after the tests of the file.
 * @throws ZodError when the context is wrong.
 */
export function makeApp(context: Record<string, unknown> = {}): App {
  const outdir = mkdtempSync(join(folder, 'app-'));
  const app = new App({ outdir, context: { ...cdk.context, 'aws:cdk:bundling-stacks': [], ...context } });
  addStacks(app);
  return app;
}

/**
 * Synthesises the app, but leaves the rules out, which take seconds and have a test of their own.
 * @throws ZodError when the context is wrong.
 */
export function synthesise(context?: Record<string, unknown>): CloudAssembly {
  vi.stubEnv('CDK_VALIDATION', 'false');
  try {
    return makeApp(context).synth();
  } finally {
    vi.unstubAllEnvs();
  }
}

/** Returns the template of a stack. */
export function templateOf(assembly: CloudAssembly, stack: string): Template {
  return Template.fromJSON(assembly.getStackByName(stack).template);
}

/** Returns what CDK warns of. */
export function warningsOf(assembly: CloudAssembly): unknown[] {
  return assembly.stacks.flatMap(({ messages }) => messages).filter(({ level }) => level !== SynthesisMessageLevel.INFO);
}

/** Returns the statements of all policies, those of one role where the beginning of its logical id is given. */
export function statementsOf(template: Template, role = ''): Statement[] {
  const attached = Object.values(template.findResources('AWS::IAM::Policy'))
    .filter(({ Properties }) => Properties.Roles[0].Ref.startsWith(role))
    .map(({ Properties }) => Properties.PolicyDocument);
  const inline = Object.entries(template.findResources('AWS::IAM::Role'))
    .filter(([id]) => id.startsWith(role))
    .flatMap(([, { Properties }]) => Properties.Policies ?? [])
    .map(({ PolicyDocument }) => PolicyDocument);
  return [...attached, ...inline]
    .flatMap(({ Statement }) => Statement)
    .map(({ Action, Resource, Condition }) => ({ actions: [Action].flat(), resources: [Resource].flat(), condition: Condition }));
}
