import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { entryPoints } from '../../../infra/node-function.ts';
import { gatewayRoutes } from '../../../lambdas/api/gateway-routes.ts';
import { statementsOf, synthesise, templateOf } from '../synthesis.ts';

const assembly = synthesise();
const template = templateOf(assembly, 'cellzero-control-plane');

const machines = Object.entries(template.findResources('AWS::StepFunctions::StateMachine'));
const [bootId, stateMachine] = machines.find(([id]) => id.startsWith('Boot')) ?? [];
const [reaperId, reaper] = machines.find(([id]) => id.startsWith('Reaper')) ?? [];
const written = readFileSync(`${entryPoints}workflows/boot/boot.asl.json`, 'utf8');
const deployed = readFileSync(join(assembly.directory, `asset.${stateMachine?.Properties.DefinitionS3Location.Key}`), 'utf8');

describe.each([
  ['as written', written],
  ['as deployed', deployed],
])('the boot workflow %s', (_, text) => {
  const { BootOne, ScheduleServers, BuryInCell0 } = JSON.parse(text).States;

  test('buries whatever scheduling fails with', () => {
    expect(ScheduleServers.Resource).toBe('$' + '{ScheduleServers}');
    const last = ScheduleServers.Catch.at(-1);
    expect(last.ErrorEquals).toEqual(['States.ALL']);
    expect(last.Next).toBe('BuryInCell0');
    expect(BuryInCell0.Resource).toBe('$' + '{BuryInCell0}');
  });

  test('buries at once what finds no host at the first go, and leaves all else of that to the other states', () => {
    expect(JSON.parse(text).StartAt).toBe('BootOne');
    const caught = BootOne.Catch.map(({ ErrorEquals, Next }: { ErrorEquals: string[]; Next: string }) => [ErrorEquals, Next]);
    expect(caught).toEqual([
      [['NoValidHost'], 'BuryInCell0'],
      [['States.ALL'], 'ScheduleServers'],
    ]);
  });

  test('catches nothing of scheduling for another state', () => {
    expect(new Set(ScheduleServers.Catch.map(({ Next }: { Next: string }) => Next))).toEqual(new Set(['BuryInCell0']));
  });
});

describe('the state machines', () => {
  test('run the file with a function for each placeholder', () => {
    expect(deployed).toBe(written);
    const placeholders = [...written.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name);
    const functions = template.findResources('AWS::Lambda::Function');
    const substitutions: Record<string, { 'Fn::GetAtt': [string, string] }> = stateMachine?.Properties.DefinitionSubstitutions;
    expect(new Set(Object.keys(substitutions))).toEqual(new Set(placeholders));
    for (const [name, { 'Fn::GetAtt': target }] of Object.entries(substitutions)) {
      expect(target[0]).toMatch(`Boot${name}`);
      expect(functions).toHaveProperty(target[0]);
    }
  });

  test('are standard ones that log errors without data and are traced', () => {
    for (const [name, machine] of Object.entries({ 'cellzero-boot': stateMachine, 'cellzero-reaper': reaper })) {
      expect(machine?.Properties).toMatchObject({
        StateMachineName: name,
        StateMachineType: 'STANDARD',
        LoggingConfiguration: { Level: 'ERROR', IncludeExecutionData: false },
        TracingConfiguration: { Enabled: true },
      });
    }
  });
});

describe('the HTTP API', () => {
  test('sends every route of the table to its function', () => {
    const integrations = template.findResources('AWS::ApiGatewayV2::Integration');
    const routes = Object.values(template.findResources('AWS::ApiGatewayV2::Route')).map(({ Properties }) => {
      const integration = integrations[Properties.Target['Fn::Join'][1][1].Ref]?.Properties;
      expect(integration.PayloadFormatVersion).toBe('2.0');
      return [Properties.RouteKey, integration.IntegrationUri['Fn::GetAtt'][0]];
    });
    expect(routes).toHaveLength(Object.keys(gatewayRoutes).length);
    for (const [path, name] of Object.entries(gatewayRoutes)) {
      const key = path === '$default' ? path : `ANY ${path}`;
      expect(routes).toContainEqual([key, expect.stringMatching(new RegExp(`^Functions${name}`, 'i'))]);
    }
  });

  test('is throttled, and writes a line of JSON about each request without headers, query or body', () => {
    const [[, stage = undefined] = []] = Object.entries(template.findResources('AWS::ApiGatewayV2::Stage'));
    expect(stage?.Properties).toMatchObject({
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1_000 },
      AccessLogSettings: { DestinationArn: { 'Fn::GetAtt': [expect.stringContaining('AccessLog'), 'Arn'] } },
    });
    const line: Record<string, string> = JSON.parse(stage?.Properties.AccessLogSettings.Format);
    expect(line).toMatchObject({ requestId: '$context.requestId', status: '$context.status', path: '$context.path' });
    expect(JSON.stringify(line)).not.toMatch(/header|query|body|userAgent/i);
  });
});

describe('every function', () => {
  const functions = Object.values(template.findResources('AWS::Lambda::Function')).map(({ Properties }) => Properties);

  test('runs Node 24 on arm64, is traced, and writes JSON into a log of its own', () => {
    expect(functions).toHaveLength(15);
    for (const properties of functions) {
      expect(properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        MemorySize: 512,
        TracingConfig: { Mode: 'Active' },
        LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: expect.any(String) } },
      });
    }
    expect(new Set(functions.map(({ LoggingConfig }) => LoggingConfig.LogGroup.Ref)).size).toBe(15);
  });

  test('ends before the HTTP API gives up, or has time to wake two databases', () => {
    for (const { Environment, Timeout } of functions) {
      if (Environment?.Variables.TOKEN_PUBLIC_KEY) expect(Timeout).toBeLessThan(30);
      else expect(Timeout).toBeGreaterThanOrEqual(60);
    }
  });

  test('may write into its own log, and no managed policy grants it more', () => {
    for (const { LoggingConfig, Role } of functions) {
      const logs = statementsOf(template, Role['Fn::GetAtt'][0]).filter(({ actions }) =>
        actions.some((action) => action.startsWith('logs:')),
      );
      expect(logs).toMatchObject([
        { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [{ 'Fn::GetAtt': [LoggingConfig.LogGroup.Ref, 'Arn'] }] },
      ]);
    }
    template.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  test('of the API takes its share of the account where that is asked for, and leaves the rest to the workflow', () => {
    const shares = (from: Template) =>
      Object.entries(from.findResources('AWS::Lambda::Function'))
        .map(([id, { Properties }]) => [/^[A-Z][a-z]+[A-Z][a-z]+/.exec(id)?.[0], Properties.ReservedConcurrentExecutions])
        .filter(([, share]) => share !== undefined);
    const ofAnother = (context: Record<string, unknown>, prefix = '') =>
      shares(templateOf(synthesise(context), `${prefix}cellzero-control-plane`));
    expect(ofAnother({ lambdaConcurrency: '1000' })).toEqual([
      ['FunctionsCompute', 400],
      ['FunctionsIdentity', 100],
      ['FunctionsImage', 50],
    ]);
    expect(ofAnother({ lambdaConcurrency: '1000', stage: 'throwaway' }, 'throwaway-')).toEqual([]);
    // A new account has 10, and a deployment that asks for any of them fails.
    expect(shares(template)).toEqual([]);
  });

  test('finds its settings', () => {
    const api = ['API_DATABASE', 'PUBLIC_URL', 'TOKEN_PUBLIC_KEY'];
    const settings = (id: string) => {
      const [[, found = undefined] = []] = Object.entries(template.findResources('AWS::Lambda::Function')).filter(([key]) =>
        key.startsWith(id),
      );
      const { POWERTOOLS_METRICS_NAMESPACE: namespace, ...variables } = found?.Properties.Environment?.Variables ?? {};
      expect(namespace).toBe('cellzero');
      return Object.keys(variables).toSorted();
    };
    expect(settings('FunctionsCompute')).toEqual(
      [...api, 'BOOT_STATE_MACHINE', 'REAPER_STATE_MACHINE', 'REPORTS_QUEUE', 'SECRETS_KEY', 'SECRETS_PUBLIC_KEY', 'SETTINGS'].toSorted(),
    );
    expect(settings('FunctionsIdentity')).toEqual([...api, 'TOKEN_KEY'].toSorted());
    expect(settings('FunctionsImage')).toEqual(api);
    expect(settings('BootBuryInCell0')).toEqual(['API_DATABASE']);
  });
});

test('functions have the public halves of the keys that sign tokens and open secrets, read once the right to is given', () => {
  const policies = Object.keys(
    template.findResources('AWS::IAM::Policy', {
      Properties: { PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ Action: 'kms:GetPublicKey' })]) } },
    }),
  );
  expect(policies).toHaveLength(1);
  const settings = (name: string) =>
    Object.values(template.findResources('AWS::Lambda::Function'))
      .map(({ Properties }) => Properties.Environment?.Variables[name])
      .filter((value) => value !== undefined);
  for (const [name, spec, functions] of [
    ['TOKEN_PUBLIC_KEY', 'ECC_NIST_P256', 3],
    ['SECRETS_PUBLIC_KEY', 'RSA_2048', 1],
  ] as const) {
    const [key = ''] = Object.keys(template.findResources('AWS::KMS::Key', { Properties: { KeySpec: spec } }));
    const [[id = '', resource = undefined] = []] = Object.entries(
      template.findResources('Custom::PublicKey', { Properties: { KeyId: { 'Fn::GetAtt': [key, 'Arn'] } } }),
    );
    expect(resource?.DependsOn).toEqual(policies);
    expect(settings(name)).toEqual(Array.from({ length: functions }, () => ({ 'Fn::GetAtt': [id, 'PublicKey'] })));
  }
  template.resourceCountIs('Custom::PublicKey', 2);
});

test('every log is kept for 30 days', () => {
  template.resourceCountIs('AWS::Logs::LogGroup', 19);
  template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
});

test('logs that AWS writes itself share one line of the resource policy of CloudWatch Logs', () => {
  const groups = template.findResources('AWS::Logs::LogGroup');
  const nameOf = (arn: { 'Fn::GetAtt': [string] }) => groups[arn['Fn::GetAtt'][0]]?.Properties.LogGroupName;
  const stages = Object.values(template.findResources('AWS::ApiGatewayV2::Stage')).map(
    ({ Properties }) => Properties.AccessLogSettings.DestinationArn,
  );
  const workflows = Object.values(template.findResources('AWS::StepFunctions::StateMachine')).map(
    ({ Properties }) => Properties.LoggingConfiguration.Destinations[0].CloudWatchLogsLogGroup.LogGroupArn,
  );
  expect([...stages, ...workflows].map(nameOf).toSorted()).toEqual([
    '/aws/vendedlogs/apis/cellzero',
    '/aws/vendedlogs/states/cellzero-audit',
    '/aws/vendedlogs/states/cellzero-boot',
    '/aws/vendedlogs/states/cellzero-reaper',
  ]);
});

test('nothing runs by the clock, so that databases sleep; a workflow runs the reaper', () => {
  template.resourceCountIs('AWS::Events::Rule', 0);
  template.resourceCountIs('AWS::Scheduler::Schedule', 0);
  expect(reaper?.Properties.DefinitionSubstitutions.Reap['Fn::GetAtt'][0]).toMatch('ReaperReap');
});

describe('rights', () => {
  /** Roles of the databases that a function reaches, `api` by its very ARN, others by tag. */
  const reaches = (role: string, action: string): string[] =>
    statementsOf(template, role)
      .filter(({ actions }) => actions.includes(action))
      .flatMap(({ resources, condition }) => {
        if (!condition) {
          expect(JSON.stringify(resources)).toContain('"Fn::ImportValue":"cellzero-api-database:');
          if (action === 'secretsmanager:GetSecretValue') expect(JSON.stringify(resources)).toContain('RefServiceSecret');
          return ['api'];
        }
        const tags = (condition as { StringEquals: Record<string, string | string[]> }).StringEquals;
        expect(tags['aws:ResourceTag/cellzero:stage']).toBe('production');
        // Without this, a function could read the secret of the master and change tables.
        expect(tags['aws:ResourceTag/cellzero:user']).toBe(action === 'secretsmanager:GetSecretValue' ? 'service' : undefined);
        return [tags['aws:ResourceTag/cellzero:role'] ?? []].flat();
      })
      .toSorted();

  test.each([
    ['FunctionsCompute', ['api', 'cell', 'cell0']],
    ['FunctionsIdentity', ['api']],
    ['FunctionsImage', ['api']],
    ['BootBootOne', ['api', 'cell']],
    ['BootScheduleServers', ['api']],
    ['BootCreateInCell', ['api', 'cell']],
    ['BootBuildOnHost', ['cell']],
    ['BootFailInCell', ['api', 'cell']],
    ['BootBuryInCell0', ['api', 'cell0']],
    ['BootTryAnotherCell', ['api']],
    ['BootReschedule', ['api', 'cell']],
    ['Reaper', ['api', 'cell', 'cell0']],
    ['ReportsApply', ['api', 'cell']],
    ['Auditor', ['api', 'cell', 'cell0']],
  ])('%s reaches %j', (role, databases) => {
    expect(reaches(role, 'rds-data:ExecuteStatement')).toEqual(databases);
    expect(reaches(role, 'secretsmanager:GetSecretValue')).toEqual(databases);
  });

  const granted = (role: string, service: string) =>
    statementsOf(template, role)
      .flatMap(({ actions }) => actions)
      .filter((action) => action.startsWith(service))
      .toSorted();

  test('only identity signs tokens, and those that check them ask KMS nothing', () => {
    template.hasResourceProperties('AWS::KMS::Key', { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    expect(granted('FunctionsIdentity', 'kms:')).toEqual(['kms:Sign']);
    expect(granted('PublicKeys', 'kms:')).toEqual(['kms:GetPublicKey']);
    expect(granted('', 'kms:').filter((action) => action !== 'kms:Decrypt')).toEqual(['kms:GetPublicKey', 'kms:Sign']);
  });

  test('only functions that have hosts start or change guests open secrets, with the one key for that', () => {
    template.hasResourceProperties('AWS::KMS::Key', { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    const [key] = Object.keys(template.findResources('AWS::KMS::Key', { Properties: { KeySpec: 'RSA_2048' } }));
    const opening = statementsOf(template).filter(({ actions }) => actions.includes('kms:Decrypt'));
    expect(opening.map(({ actions, resources }) => [actions, resources])).toEqual(
      Array.from({ length: 4 }, () => [['kms:Decrypt'], [{ 'Fn::GetAtt': [key, 'Arn'] }]]),
    );
    for (const role of ['FunctionsCompute', 'BootBootOne', 'BootBuildOnHost', 'ReaperReap']) {
      expect(granted(role, 'kms:'), role).toEqual(['kms:Decrypt']);
    }
  });

  test('only compute, the reaper, reports and a boot of many servers start boots, only the first three scheduled reaps, only the reaper an audit', () => {
    const starting = (role?: string) =>
      statementsOf(template, role)
        .filter(({ actions }) => actions.some((action) => action.startsWith('states:')))
        .flatMap(({ actions, resources }) => [actions, ...resources]);
    const named = (name: string) => ({ 'Fn::Join': ['', expect.arrayContaining([`:stateMachine:cellzero-${name}`])] });
    expect(starting('FunctionsCompute')).toEqual([['states:StartExecution'], { Ref: bootId }, { Ref: reaperId }]);
    expect(starting('Reaper')).toEqual([
      ['states:StartExecution'],
      named('reaper'),
      { Ref: expect.stringMatching(/^Auditor/) },
      { Ref: bootId },
    ]);
    expect(starting('ReportsApply')).toEqual([['states:StartExecution'], { Ref: bootId }, { Ref: reaperId }]);
    expect(starting('BootScheduleServers')).toEqual([['states:StartExecution'], named('boot')]);
    expect(starting()).toHaveLength(['FunctionsCompute', 'Reaper', 'ReportsApply', 'BootScheduleServers'].flatMap(starting).length);
  });

  test('name their resources, but for log deliveries and traces, which have none', () => {
    const open = assembly.stacks
      .flatMap(({ stackName }) => statementsOf(templateOf(assembly, stackName)))
      .filter(({ resources }) => resources.includes('*'))
      .flatMap(({ actions }) => actions);
    expect(open.filter((action) => !/^(logs:.*(LogDelivery|LogDeliveries|ResourcePolic|LogGroups)|xray:)/.test(action))).toEqual([]);
  });
});

test('the control plane waits for all databases, and knows nothing of live cells', () => {
  const { dependencies } = assembly.getStackByName('cellzero-control-plane');
  const stacks = dependencies.map(({ id }) => id).filter((id) => id.startsWith('cellzero-') && !id.endsWith('.assets'));
  expect(stacks.toSorted()).toEqual(['cellzero-api-database', 'cellzero-cell0', 'cellzero-cell1', 'cellzero-cell2']);
  expect(JSON.stringify(template.toJSON())).not.toMatch(/cell[1-9]/);
  template.hasOutput('ApiUrl', { Value: Match.anyValue() });
});
