/**
 * What a workflow is made of, said once. From here the CDK app makes its functions and their rights, the local runner finds their code, and
 * `local/generate/definitions.ts` writes into the definition how long a state may take and how it is retried.
 */

/** What a database is for. */
export type DatabaseRole = 'api' | 'cell0' | 'cell';

/** A function behind Task states. */
export interface WorkflowFunction {
  /** Path of its entry point below lambdas/. */
  readonly entry: string;
  /** Where it runs statements. */
  readonly databases: readonly DatabaseRole[];
  /** In seconds. */
  readonly timeout: number;
}

/** How a state is retried, in the Amazon States Language. */
export interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds: number;
  readonly BackoffRate: number;
  readonly MaxAttempts: number;
  readonly MaxDelaySeconds: number;
  readonly JitterStrategy: 'FULL';
}

/** A workflow. */
export interface Workflow {
  /** Path of its definition below lambdas/; the name up to the first dot is that of its state machine. */
  readonly definition: string;
  /** By the placeholder that stands for their ARN in the definition. */
  readonly functions: Readonly<Record<string, WorkflowFunction>>;
  /** How each Task state is retried, by its name; null is not: another state goes on with its work. */
  readonly retries: Readonly<Record<string, Retrier | null>>;
}

const backoff = { BackoffRate: 2, JitterStrategy: 'FULL' } as const;

/** Retries what is over soon: a database that does not answer, and a Lambda service that has no capacity or fails. All other errors are the step's own answer. */
export function retryTransient(attempts: number): Retrier {
  return {
    ErrorEquals: [
      'DatabaseUnreachable',
      'Lambda.TooManyRequestsException',
      'Lambda.ServiceException',
      'Lambda.AWSLambdaException',
      'Lambda.SdkClientException',
    ],
    IntervalSeconds: 1,
    MaxAttempts: attempts,
    MaxDelaySeconds: 30,
    ...backoff,
  };
}

/** Retries every error, where nothing else can be done. Times between attempts are in seconds. */
export function retryAlways(attempts: number, { first = 1, longest = 60 }: { first?: number; longest?: number } = {}): Retrier {
  return { ErrorEquals: ['States.ALL'], IntervalSeconds: first, MaxAttempts: attempts, MaxDelaySeconds: longest, ...backoff };
}
