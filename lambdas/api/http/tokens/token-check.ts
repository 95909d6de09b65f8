/** Nobody without a valid token learns anything but the public documents, not even which paths exist. */
import type { Middleware } from '../pipeline/exchange.ts';
import { HttpError, unauthorized } from '../pipeline/http-error.ts';
import { InvalidToken, verifyToken } from './token.ts';

/** Sets the caller from X-Auth-Token unless the route is public. */
export const tokenCheck: Middleware = {
  async before({ event }) {
    const { exchange, headers } = event;
    if (exchange.found && !(exchange.found instanceof HttpError) && exchange.found.route.policy === 'public') return;
    const token = headers['x-auth-token'];
    if (!token) throw unauthorized(exchange.baseUrl);
    try {
      const { user, project, roles } = verifyToken(token);
      exchange.caller = {
        userId: user.id,
        userName: user.name,
        projectId: project?.id ?? '',
        projectName: project?.name ?? '',
        roles: roles.map(({ name }) => name),
      };
    } catch (error) {
      if (error instanceof InvalidToken) throw unauthorized(exchange.baseUrl);
      throw error;
    }
  },
};
