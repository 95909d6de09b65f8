/** What `npm run emulate` says when the cloud is deployed. */
import type { EmulatedCloud } from '../emulator/emulated-cloud.ts';
import { firstSteps, quoted } from '../start/greeting.ts';

/**
 * Says that the cloud is ready, and what to type next as its client, as its operator, and as the owner of the account.
 * @param milliseconds since the process began.
 */
export function greeting({ url, cloudsFile, environment }: EmulatedCloud, dataDir: string, milliseconds: number): string {
  const { AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = environment;
  return `
Cellzero is deployed after ${(milliseconds / 1_000).toFixed(0)} s: ${url}
All of it goes when it stops; its logs stay in ${dataDir}.

${firstSteps(cloudsFile)} In this folder, the operator's command:

  npm run cellzero -- audit --data-dir ${quoted(dataDir)}

And AWS's own tools, to look at stacks and executions:

  export AWS_ENDPOINT_URL=${AWS_ENDPOINT_URL} AWS_REGION=${AWS_REGION} AWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID} AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY}
  aws cloudformation list-stacks

docs/emulator.md says how to deploy a change into it. Ctrl-C stops Cellzero.`;
}
