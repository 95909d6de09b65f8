/** What the stacks of a deployment say about it: where its database and its API are. Asked with the operator's own AWS credentials. */
import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';
import { prefixOf, type Stage } from '../../infra/settings.ts';
import { NoDeployment } from '../../local/deployment/attach.ts';

/**
 * Returns an output of a stack of a deployment.
 * @param stack its name after the stage's prefix, such as `api-database`
 * @throws NoDeployment that says what is missing and what to do about it; other errors of AWS as they are.
 */
export async function stackOutput(stage: Stage, stack: string, output: string): Promise<string> {
  const name = `${prefixOf(stage)}-${stack}`;
  const { Outputs = [], StackStatus } = await describe(name, stage);
  const value = Outputs.find(({ OutputKey }) => OutputKey === output)?.OutputValue;
  if (!value) throw new NoDeployment(`the stack ${name} has no output ${output}, it is in ${StackStatus}; has its deploy ended well?`);
  return value;
}

async function describe(name: string, stage: Stage): Promise<Stack> {
  const client = new CloudFormationClient();
  try {
    const { Stacks: [stack] = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
    if (stack) return stack;
    throw new NoDeployment(`CloudFormation says nothing of the stack ${name}`);
  } catch (error) {
    const missing = error instanceof Error && (await whatIsMissing(error, name, stage, client));
    throw missing ? new NoDeployment(missing, { cause: error }) : error;
  }
}

/** The three ways in which an operator is not where he thinks he is. */
async function whatIsMissing({ name, message }: Error, stack: string, stage: Stage, { config }: CloudFormationClient) {
  if (message === 'Region is missing') return 'which AWS region? Set AWS_REGION, or AWS_PROFILE to a profile that has one';
  if (name === 'CredentialsProviderError') {
    return `no AWS credentials (${message}). Set AWS_PROFILE, after "aws sso login" where it needs that, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`;
  }
  if (name !== 'ValidationError' || !message.includes('does not exist')) return undefined;
  const deploy = `npx cdk deploy --all${stage === 'production' ? '' : ` -c stage=${stage}`}`;
  return `this account has no stack ${stack} in ${await config.region()}; "${deploy}" makes the deployment`;
}
