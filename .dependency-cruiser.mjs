/** Arrows run one way: lambdas → compute, identity, image → database; infra and local assemble; nothing of the product knows where it runs. */
const only = (name, from, to) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { pathNot: to, dependencyTypesNot: ['core'] },
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    only('database-stands-alone', '^database/', ['^database/', 'node_modules/@aws-sdk/client-rds-data', 'node_modules/@smithy/core']),
    only('common-stands-alone', '^common/', ['^common/']),
    only('identity-stands-alone', '^identity/', ['^identity/', '^common/', '^database/']),
    only('image-stands-alone', '^image/', ['^image/', '^common/', '^database/']),
    only('compute-knows-no-aws-and-no-http', '^compute/', ['^compute/', '^common/', '^database/', 'node_modules/zod']),
    {
      name: 'cells-are-reached-in-one-way',
      severity: 'error',
      from: { pathNot: '^(compute/cells/reach|lambdas/shared/database|operator/deployment/reach|local/|test/)' },
      to: { path: '^database/data-api/url' },
    },
    // What a Lambda function is made of; the rest reaches databases through the domain alone.
    only('functions-know-the-data-api', '^lambdas/shared/', [
      '^lambdas/shared/',
      '^compute/',
      '^database/data-api/',
      'node_modules/',
      '^aws-lambda$',
    ]),
    only('handlers-call-the-domain', '^lambdas/(?!shared/)', [
      '^lambdas/',
      '^compute/',
      '^identity/',
      '^image/',
      '^common/',
      'node_modules/',
      '^aws-lambda$',
    ]),
    only('infra-reads-routes-and-manifests', '^infra/', [
      '^infra/',
      '^lambdas/(api/gateway-routes|shared/timeouts|workflows/(index|workflow))',
      '^compute/settings',
      'node_modules/',
      '^package.json$',
    ]),
    { name: 'nothing-imports-local', severity: 'error', from: { pathNot: '^(local|test|operator)/' }, to: { path: '^(local|operator)/' } },
    { name: 'nothing-imports-tests', severity: 'error', from: { pathNot: '^test/' }, to: { path: '^test/' } },
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      conditionNames: ['import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
};
