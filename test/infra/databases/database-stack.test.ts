import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { statementsOf, synthesise, templateOf, warningsOf } from '../synthesis.ts';

const assembly = synthesise();
const names = ['api-database', 'cell0', 'cell1', 'cell2'];

test('the network, every database and the control plane are stacks of their own', () => {
  const stacks = assembly.stacks.map(({ stackName }) => stackName).toSorted();
  expect(stacks).toEqual([...names, 'control-plane', 'network'].map((name) => `cellzero-${name}`));
});

test('nothing is deprecated or warned of', () => {
  expect(warningsOf(assembly)).toEqual([]);
});

test('cell0 and live cells are separate clusters of the same shape', () => {
  const shape = (name: string) =>
    JSON.stringify(assembly.getStackByName(`cellzero-${name}`).template)
      .replaceAll(name, '<name>')
      .replaceAll(/"cellzero:role","Value":"cell0?"/g, '"cellzero:role","Value":"<role>"')
      .replaceAll('"<name>","Value":"<name>"', '"<name>"')
      .replaceAll('"cellzero:role","Value":"<name>"', '"cellzero:role","Value":"<role>"')
      .replaceAll(/"SIMULATED_HOSTS":"\d"/g, '"SIMULATED_HOSTS":"<hosts>"')
      .replaceAll(/(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}/g, '$1');
  expect(shape('cell1')).toContain('AWS::RDS::DBCluster');
  expect(shape('cell0')).toEqual(shape('cell1'));
  expect(shape('cell2')).toEqual(shape('cell1'));
});

describe.each(names)('the database of %s', (name) => {
  const stackName = `cellzero-${name}`;
  const template = templateOf(assembly, stackName);

  test('is one encrypted PostgreSQL cluster behind the Data API that sleeps at 0 ACU', () => {
    template.resourceCountIs('AWS::RDS::DBCluster', 1);
    template.hasResource('AWS::RDS::DBCluster', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        Engine: 'aurora-postgresql',
        EngineVersion: Match.stringLikeRegexp('^17\\.'),
        DatabaseName: 'cellzero',
        EnableHttpEndpoint: true,
        StorageEncrypted: true,
        DeletionProtection: true,
        BackupRetentionPeriod: 14,
        ServerlessV2ScalingConfiguration: { MinCapacity: 0, MaxCapacity: 8, SecondsUntilAutoPause: 600 },
      },
    });
    template.allResourcesProperties('AWS::RDS::DBInstance', { DBInstanceClass: 'db.serverless', PubliclyAccessible: false });
  });

  test('outlives its stack, with the secrets that open it', () => {
    const kept = Object.values(template.toJSON().Resources as Record<string, { Type: string; DeletionPolicy?: string }>)
      .filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain')
      .map(({ Type }) => Type)
      .filter((type) => type !== 'AWS::Logs::LogGroup');
    const secret = 'AWS::SecretsManager::Secret';
    expect(kept.toSorted()).toEqual(['AWS::RDS::DBCluster', 'AWS::RDS::DBInstance', secret, secret]);
  });

  test('keeps every log of its deployments for 30 days', () => {
    template.resourceCountIs('AWS::Logs::LogGroup', 3);
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
    template.allResourcesProperties('AWS::Lambda::Function', { LoggingConfig: { LogGroup: { Ref: Match.stringLikeRegexp('Logs') } } });
  });

  test('stands in the shared network', () => {
    template.resourceCountIs('AWS::EC2::VPC', 0);
    template.hasResourceProperties('AWS::RDS::DBCluster', {
      DBSubnetGroupName: { 'Fn::ImportValue': Match.stringLikeRegexp('^cellzero-network:.*SubnetGroup') },
      VpcSecurityGroupIds: [{ 'Fn::ImportValue': Match.stringLikeRegexp('^cellzero-network:.*SecurityGroup') }],
    });
  });

  const secrets = Object.entries(template.findResources('AWS::SecretsManager::Secret'));
  const secretOf = (user: string) => secrets.find(([id]) => id.startsWith({ master: 'Secret', service: 'ServiceSecret' }[user] ?? ''));

  test('carries the tags that rights are granted by, on the cluster and its secrets', () => {
    const role = { 'api-database': 'api', cell0: 'cell0' }[name] ?? 'cell';
    const tags = [...(role === 'api' ? [] : [['cellzero:cell', name]]), ['cellzero:role', role], ['cellzero:stage', 'production']];
    const of = (...more: string[][]) => [...tags, ...more].toSorted().map(([Key, Value]) => ({ Key, Value }));
    template.allResourcesProperties('AWS::RDS::DBCluster', { Tags: of() });
    for (const user of ['master', 'service']) expect(secretOf(user)?.[1].Properties.Tags).toEqual(of(['cellzero:user', user]));
  });

  test('is migrated when the cluster stands, again when the function changes, and before the stack is done', () => {
    const url = { 'Fn::Join': ['', Match.arrayWith(['rds-data://arn:', '/cellzero?secret='])] };
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: { SCHEMA: name === 'api-database' ? 'api' : 'cell', DATABASE: url } },
    });
    const [[cluster], [instance]] = ['AWS::RDS::DBCluster', 'AWS::RDS::DBInstance'].map((type) =>
      Object.keys(template.findResources(type)),
    ) as [[string], [string]];
    expect(stepOf('Migration').DependsOn).toEqual(expect.arrayContaining([cluster, instance]));
    expect(stepOf('Migration').Properties).toMatchObject({ InvocationType: 'RequestResponse', ExecuteOnHandlerChange: true });
  });

  /** The trigger of a step of the deployment, which runs a version of its function. */
  const stepOf = (step: string) => {
    const [found] = Object.entries(template.findResources('Custom::Trigger')).filter(([id]) => id.startsWith(step));
    expect(found?.[1].Properties.HandlerArn.Ref).toMatch(new RegExp(`^${step}FunctionCurrentVersion`));
    return found?.[1] as { DependsOn: string[]; Properties: Record<string, unknown> };
  };

  test('is seeded or registered after that', () => {
    const [migration] = Object.keys(template.findResources('Custom::Trigger')).filter((id) => id.startsWith('Migration'));
    expect(stepOf(name === 'api-database' ? 'Seeding' : 'Registration').DependsOn).toContain(migration);
  });

  test('lets its migration run statements there and nothing else', () => {
    const [cluster] = Object.keys(template.findResources('AWS::RDS::DBCluster'));
    const [writeLog, trace, run, read, ...others] = statementsOf(template, 'Migration');
    expect(others).toEqual([]);
    expect(writeLog?.actions).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents']);
    expect(trace?.actions).toEqual(['xray:PutTelemetryRecords', 'xray:PutTraceSegments']);
    expect(run?.actions).toEqual(['rds-data:ExecuteStatement']);
    expect(JSON.stringify(run?.resources)).toContain(`":cluster:",{"Ref":"${cluster}"}`);
    const readable = [{ Ref: secretOf('master')?.[0] }, { Ref: secretOf('service')?.[0] }];
    expect(read).toMatchObject({ actions: ['secretsmanager:GetSecretValue'], resources: readable });
  });

  test('opens for the service user in settings and mappings; his secret alone names that of the master, who made the cluster', () => {
    const [[master = ''] = [], [service = ''] = []] = [secretOf('master'), secretOf('service')];
    const templateOfSecret = (id: string) =>
      JSON.stringify(secrets.find(([name]) => name === id)?.[1].Properties.GenerateSecretString.SecretStringTemplate);
    expect(templateOfSecret(service)).toContain(`cellzero_${name === 'api-database' ? 'api' : name}`);
    expect(templateOfSecret(service)).toContain(master);
    expect(templateOfSecret(master)).not.toContain('masterarn');
    const cluster = JSON.stringify(template.findResources('AWS::RDS::DBCluster'));
    expect(cluster).toContain(master);
    expect(cluster).not.toContain(service);
    const functions = JSON.stringify(template.findResources('AWS::Lambda::Function'));
    expect(functions).toContain(service);
    expect(functions).not.toContain(`"${master}"`);
    expect(JSON.stringify(template.toJSON().Outputs.DatabaseUrl)).toContain(service);
  });

  test('nothing but its migration reads the secret of the master', () => {
    const [master] = secretOf('master') ?? [];
    const readers = Object.values(template.findResources('AWS::IAM::Policy'))
      .filter(({ Properties }) => JSON.stringify(Properties.PolicyDocument).includes(`{"Ref":"${master}"}`))
      .flatMap(({ Properties }) => Properties.Roles.map(({ Ref }: { Ref: string }) => Ref));
    expect(readers).toEqual([expect.stringMatching(/^Migration/)]);
  });

  test('outputs its URL', () => {
    template.hasOutput('DatabaseUrl', { Value: { 'Fn::Join': ['', Match.arrayWith(['rds-data://arn:', '/cellzero?secret='])] } });
  });
});

describe('the network', () => {
  const template = templateOf(assembly, 'cellzero-network');

  test('is one in three zones without a way in or out', () => {
    for (const type of ['AWS::EC2::InternetGateway', 'AWS::EC2::NatGateway', 'AWS::EC2::Route', 'AWS::EC2::SecurityGroupIngress']) {
      template.resourceCountIs(type, 0);
    }
    template.resourceCountIs('AWS::EC2::VPC', 1);
    const zones = Object.values(template.findResources('AWS::EC2::Subnet')).map(({ Properties }) => Properties.AvailabilityZone);
    expect(zones).toEqual([0, 1, 2].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })));
    template.allResourcesProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: Match.absent(),
      SecurityGroupEgress: [Match.objectLike({ CidrIp: '255.255.255.255/32' })],
    });
  });
});

test('stacks of the release before find the secret of the master that they import until they are deployed', () => {
  const { Outputs } = templateOf(assembly, 'cellzero-api-database').toJSON();
  const master = Object.values<{ Value: unknown; Export?: unknown }>(Outputs).filter(({ Value }) =>
    /^{"Ref":"Secret[0-9A-F]{8}"}$/.test(JSON.stringify(Value)),
  );
  expect(master).toMatchObject([{ Export: { Name: expect.stringMatching(/^cellzero-api-database:ExportsOutputRefSecret[0-9A-F]{16}$/) } }]);
});

test('the password of the admin is made of letters and digits, which YAML and shells read as they are', () => {
  const secrets = templateOf(assembly, 'cellzero-api-database').findResources('AWS::SecretsManager::Secret');
  const [admin] = Object.entries(secrets).filter(([id]) => id.startsWith('AdminSecret'));
  const { ExcludeCharacters: excluded, PasswordLength } = admin?.[1].Properties.GenerateSecretString ?? {};
  const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index));
  expect(printable.filter((character) => !excluded.includes(character)).join('')).toMatch(/^[0-9A-Za-z]{62}$/);
  expect(PasswordLength).toBe(32);
});

describe('an operator decides', () => {
  const asked = synthesise({ apiCapacity: '0.5-64', cellCapacity: '0-16', apiReader: 'true', postgresVersion: '16.11' });
  const of = (name: string) => templateOf(asked, `cellzero-${name}`);

  test('on the capacity of the api database and of cells; one that never has none does not sleep', () => {
    of('api-database').hasResourceProperties('AWS::RDS::DBCluster', {
      ServerlessV2ScalingConfiguration: { MinCapacity: 0.5, MaxCapacity: 64, SecondsUntilAutoPause: Match.absent() },
    });
    for (const name of ['cell0', 'cell1']) {
      of(name).hasResourceProperties('AWS::RDS::DBCluster', {
        ServerlessV2ScalingConfiguration: { MinCapacity: 0, MaxCapacity: 16, SecondsUntilAutoPause: 600 },
      });
    }
  });

  test('on a second instance of the api database, first to take over; cells have none', () => {
    const tiers = (template: Template) =>
      Object.values(template.findResources('AWS::RDS::DBInstance')).map(({ Properties }) => Properties.PromotionTier);
    expect(tiers(of('api-database'))).toEqual([0, 1]);
    expect(tiers(of('cell1'))).toEqual([0]);
    expect(tiers(templateOf(assembly, 'cellzero-api-database'))).toEqual([0]);
  });

  test('on the version of PostgreSQL', () => {
    for (const name of names) of(name).hasResourceProperties('AWS::RDS::DBCluster', { EngineVersion: '16.11' });
  });
});

describe('a throw-away stage', () => {
  const throwaway = synthesise({ stage: 'throwaway' });

  test('has names and tags of its own', () => {
    const stacks = throwaway.stacks.map(({ stackName }) => stackName);
    expect(stacks).toHaveLength(6);
    expect(stacks.every((name) => name.startsWith('throwaway-cellzero-'))).toBe(true);
    templateOf(throwaway, 'throwaway-cellzero-control-plane').hasResourceProperties('AWS::StepFunctions::StateMachine', {
      StateMachineName: 'throwaway-cellzero-boot',
    });
    templateOf(throwaway, 'throwaway-cellzero-cell1').hasResourceProperties('AWS::RDS::DBCluster', {
      Tags: Match.arrayWith([{ Key: 'cellzero:stage', Value: 'throwaway' }]),
    });
  });

  test('leaves nothing behind', () => {
    for (const { stackName } of throwaway.stacks) {
      const { Resources } = templateOf(throwaway, stackName).toJSON();
      for (const resource of Object.values<{ DeletionPolicy?: string; Properties?: { DeletionProtection?: boolean } }>(Resources)) {
        expect(['Delete', undefined]).toContain(resource.DeletionPolicy);
        expect(resource.Properties?.DeletionProtection).not.toBe(true);
      }
    }
  });
});

test.each([
  ['a name with capitals', { cells: ['Cell1'] }],
  ['a cell twice', { cells: ['cell1', 'cell1'] }],
  ['the name of cell0', { cells: ['cell0'] }],
  ['the name of the api database', { cells: ['api'] }],
  ['no list of cells', { cells: { cell1: 2 } }],
  ['no cell between two commas', { cells: 'cell1,,cell2' }],
  ['half a host', { simulatedHosts: '1.5' }],
  ['an unknown stage', { stage: 'test' }],
  ['a public URL that is none', { publicUrl: 'example' }],
  ['fewer functions than Lambda leaves to others', { lambdaConcurrency: '100' }],
  ['one number as capacity', { apiCapacity: '8' }],
  ['less capacity at most than at least', { cellCapacity: '8-4' }],
  ['more capacity than Aurora has', { apiCapacity: '0-257' }],
  ['a major version alone', { postgresVersion: '17' }],
  ['half a reader', { apiReader: 'half' }],
  ['an option that is not known', { settings: { shutdown_timeouts: 30 } }],
  ['less than nothing of a time', { settings: '{"shutdown_timeout":-1}' }],
  ['a value of an option that is not built', { settings: { resize_confirm_window: 60 } }],
  ['options that are not JSON', { settings: 'shutdown_timeout=30' }],
])('a context with %s is refused', (_, context) => {
  expect(() => synthesise(context)).toThrow(/"path"/);
});
