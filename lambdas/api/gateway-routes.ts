/** Which function answers which paths of the HTTP API; read by the CDK app and by the local gateway alike. */

/** Functions behind the HTTP API, named after their entry points in this folder. */
export type ApiFunction = 'compute' | 'identity' | 'image';

/** Routes as API Gateway names them, for any method; the functions answer wrong methods and unknown paths below them. */
export const gatewayRoutes: Readonly<Record<string, ApiFunction>> = {
  '/identity': 'identity',
  '/identity/{proxy+}': 'identity',
  '/image': 'image',
  '/image/{proxy+}': 'image',
  $default: 'compute',
};
