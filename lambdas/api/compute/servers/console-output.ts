/** What a guest has written to its console. */
import type * as z from 'zod';
import { checkHost } from '../../../../compute/servers/check-state.ts';
import { hostDriver } from '../../../shared/host-driver.ts';
import type { ApiRequest } from '../../http/routing/route.ts';
import type { consoleOutputBody } from './action-bodies.ts';
import { findWholeServer } from './find.ts';

/** Characters that Nova takes out of a console's output. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const control = /[\x00-\x08\x0b-\x1f]/g;

/**
 * Returns the output, or its last lines, as the client asks.
 * @throws NotFound when there is no such server for the caller, Conflict when it has no host, DatabaseUnreachable when its cell does not answer.
 */
export async function showConsoleOutput(request: ApiRequest<z.infer<typeof consoleOutputBody>>): Promise<{ output: string }> {
  const { instance } = await findWholeServer(request);
  checkHost(instance);
  const output = (await hostDriver().consoleOutput(instance.host, instance.uuid)).replace(control, '');
  const { length } = request.body['os-getConsoleOutput'];
  return { output: length === undefined || length === null || length < 0 ? output : lastLines(output, length) };
}

function lastLines(output: string, most: number): string {
  return most === 0 ? '' : output.split('\n').slice(-most).join('\n');
}
