/** The HTTP API: which function answers which path, how fast clients may ask, and a line in the access log for each request. */
import { Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpMethod, HttpRoute, HttpRouteKey, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type ApiFunction, gatewayRoutes } from '../../lambdas/api/gateway-routes.ts';
import { vendedLogs } from './vended-logs.ts';

/** Requests a second, of all clients: with answers in less than a second, half of the 1,000 functions an account runs at once. */
const throttle = { rateLimit: 500, burstLimit: 1_000 };

/**
 * What the access log says of a request: no header, query or body, so no token and no password; and no text of the client's that could break the
 * JSON, which API Gateway fills in without escaping.
 */
const accessLogFields = {
  time: '$context.requestTime',
  requestId: '$context.requestId',
  sourceIp: '$context.identity.sourceIp',
  method: '$context.httpMethod',
  path: '$context.path',
  route: '$context.routeKey',
  status: '$context.status',
  responseLength: '$context.responseLength',
  responseLatency: '$context.responseLatency',
  integrationLatency: '$context.integrationLatency',
  integrationError: '$context.integrationErrorMessage',
};

/** The HTTP API in front of the functions. */
export class PublicApi extends Construct {
  readonly http: HttpApi;
  /** Where clients reach it, without a slash at the end. */
  readonly url: string;
  /** Counts answers from 500 on that are a fault, ours or API Gateway's. */
  readonly serverErrors: MetricFilter;

  constructor(scope: Construct, id: string, prefix: string, functions: Readonly<Record<ApiFunction, IFunction>>) {
    super(scope, id);
    const api = new HttpApi(this, 'Http', { apiName: 'cellzero', createDefaultStage: false });
    const integrations = {
      compute: new HttpLambdaIntegration('Compute', functions.compute),
      identity: new HttpLambdaIntegration('Identity', functions.identity),
      image: new HttpLambdaIntegration('Image', functions.image),
    };
    for (const [path, name] of Object.entries(gatewayRoutes)) {
      const routeKey = path === '$default' ? HttpRouteKey.DEFAULT : HttpRouteKey.with(path, HttpMethod.ANY);
      new HttpRoute(this, path, { httpApi: api, routeKey, integration: integrations[name] });
    }
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason: "Tokens are checked in the functions, which answer in Nova's words: docs/decisions/0003-tokens-in-middleware.md.",
    });
    const accessLog = vendedLogs(this, 'AccessLog', `apis/${prefix}`);
    new HttpStage(this, 'Stage', {
      httpApi: api,
      autoDeploy: true,
      throttle,
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLog),
        format: AccessLogFormat.custom(JSON.stringify(accessLogFields)),
      },
    });
    this.serverErrors = new MetricFilter(this, 'ServerErrors', {
      logGroup: accessLog,
      // 501 is what clients get who ask for something that is not built.
      filterPattern: FilterPattern.all(
        FilterPattern.stringValue('$.status', '=', '5*'),
        FilterPattern.stringValue('$.status', '!=', '501'),
      ),
      metricNamespace: prefix,
      metricName: 'ServerErrors',
    });
    this.http = api;
    this.url = api.apiEndpoint;
  }
}
