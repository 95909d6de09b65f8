import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { synthesise, templateOf } from '../synthesis.ts';

const template = templateOf(synthesise(), 'cellzero-control-plane');
const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);

/** Anchors of a page in Markdown, as GitHub makes them of headings. */
const anchors = [...readFileSync(new URL('../../../docs/runbook.md', import.meta.url), 'utf8').matchAll(/^## (.+)$/gm)].map(
  ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
);

describe('alarms', () => {
  test.each(alarms.map((alarm) => [alarm.AlarmName, alarm]))('%s has its page in the runbook, and notifies', (name, alarm) => {
    const [, page] = /docs\/runbook\.md#(\S+)$/.exec(alarm.AlarmDescription) ?? [];
    expect(anchors).toContain(page);
    expect(name).toBe(`cellzero-${page}`);
    const [topic] = Object.keys(template.findResources('AWS::SNS::Topic'));
    expect([alarm.AlarmActions, alarm.OKActions]).toEqual([[{ Ref: topic }], [{ Ref: topic }]]);
    template.hasOutput('AlarmTopicArn', { Value: { Ref: topic } });
    const policies = Object.values(template.findResources('AWS::SNS::TopicPolicy')).filter(({ Properties }) =>
      Properties.Topics.some((one: { Ref: string }) => one.Ref === topic),
    );
    const statements = policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
    expect(statements.filter(({ Effect }) => Effect === 'Allow')).toMatchObject([
      {
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: { Ref: topic },
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      },
    ]);
  });

  test('of errors of the API count lines of its access log from 500 on, but not 501: nothing is wrong when a client asks for what is not built', () => {
    const [[logGroup] = []] = Object.entries(
      template.findResources('AWS::Logs::LogGroup', { Properties: { LogGroupName: '/aws/vendedlogs/apis/cellzero' } }),
    );
    const [filter] = Object.values(template.findResources('AWS::Logs::MetricFilter')).map(({ Properties }) => Properties);
    expect(filter.LogGroupName).toEqual({ Ref: logGroup });
    // A text, as the access log writes the status.
    expect(filter.FilterPattern).toBe('{ ($.status = "5*") && ($.status != "501") }');
    const [stage] = Object.values(template.findResources('AWS::ApiGatewayV2::Stage'));
    expect(JSON.parse(stage?.Properties.AccessLogSettings.Format).status).toBe('$context.status');
    const [{ MetricNamespace, MetricName, MetricValue }] = filter.MetricTransformations;
    expect(MetricValue).toBe('1');
    const alarm = alarms.find(({ AlarmName }) => AlarmName === 'cellzero-the-api-answers-5xx');
    expect(alarm).toMatchObject({ Namespace: MetricNamespace, MetricName, Statistic: 'Sum', Threshold: 5 });
    expect(alarm?.Dimensions).toBeUndefined();
  });

  test('are silent while nothing happens, and cost next to nothing', () => {
    for (const { TreatMissingData } of alarms) expect(TreatMissingData).toBe('notBreaching');
    // Metric math would cost for each metric in it, and emulators know none.
    for (const { MetricName, Metrics } of alarms) expect([typeof MetricName, Metrics]).toEqual(['string', undefined]);
    // Waiting reports and tasks that do not end are seen hours before a dead letter or an audit says so; each is 0.10 dollars a month.
    expect(alarms.length).toBeLessThanOrEqual(13);
  });

  test('are all that the runbook has a page for', () => {
    expect(anchors.filter((anchor) => !alarms.some(({ AlarmName }) => AlarmName.endsWith(`-${anchor}`)))).toEqual([
      'getting-alarms',
      'how-to-follow-one-request',
    ]);
  });
});

describe('the dashboard', () => {
  const body = (of = template) =>
    JSON.stringify(Object.values(of.findResources('AWS::CloudWatch::Dashboard')).map(({ Properties }) => Properties.DashboardBody));

  test('finds every cell by search, and names none', () => {
    expect(body()).toContain('ServerlessDatabaseCapacity');
    expect(body()).not.toMatch(/cell[1-9]/);
  });

  test('of a throw-away stage shows its own cloud only', () => {
    const throwaway = body(templateOf(synthesise({ stage: 'throwaway' }), 'throwaway-cellzero-control-plane'));
    expect(throwaway).toContain('throwaway-cellzero');
    expect(throwaway).not.toContain('"cellzero');
    expect(throwaway).not.toContain('NOT throwaway');
  });
});
