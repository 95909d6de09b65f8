/** Links lead back to where the client came from: the setting, then the proxy nearest to the client, then the request itself. */
import { afterEach, expect, test } from 'vitest';
import { baseUrl } from '../../../../../lambdas/api/http/routing/base-url.ts';
import { eventOf } from '../../events.ts';

afterEach(() => {
  process.env.PUBLIC_URL = '';
});

function urlOf(headers: Record<string, string>, configured = ''): string {
  process.env.PUBLIC_URL = configured;
  return baseUrl(eventOf('/', { headers: { host: 'inner:8774', ...headers } }));
}

test.each([
  [{}, 'https://inner:8774'],
  [{ 'x-forwarded-proto': 'http' }, 'http://inner:8774'],
  [{ 'x-forwarded-proto': 'https, http' }, 'https://inner:8774'],
  [{ 'x-forwarded-proto': 'http', 'x-forwarded-host': 'nova.example' }, 'http://nova.example'],
  [{ 'x-forwarded-host': 'nova.example:443, inner' }, 'https://nova.example:443'],
  [{ forwarded: 'proto=http;host=nova.example' }, 'http://nova.example'],
  [{ forwarded: 'for=192.0.2.1;Proto=HTTPS;host="nova.example:8443"' }, 'https://nova.example:8443'],
  [{ forwarded: 'for="[2001:db8::1]";host="[2001:db8::2]:80";proto=http, for=10.0.0.1;proto=https' }, 'http://[2001:db8::2]:80'],
  [{ forwarded: 'for=192.0.2.1', 'x-forwarded-proto': 'http' }, 'http://inner:8774'],
  [{ forwarded: 'proto=https', 'x-forwarded-proto': 'http' }, 'https://inner:8774'],
  [{ 'x-forwarded-proto': 'javascript' }, 'https://inner:8774'],
  [{ 'x-forwarded-proto': 'https:' }, 'https://inner:8774'],
  [{ forwarded: 'proto=ftp' }, 'https://inner:8774'],
  [{ forwarded: 'proto=ftp', 'x-forwarded-proto': 'http' }, 'http://inner:8774'],
  [{ 'x-forwarded-host': 'a/b' }, 'https://inner:8774'],
  [{ forwarded: 'nonsense' }, 'https://inner:8774'],
])('%j', (headers, url) => {
  expect(urlOf(headers)).toBe(url);
});

test('the setting decides alone, and may have a path', () => {
  expect(urlOf({ forwarded: 'proto=http;host=elsewhere' }, 'https://cloud.example/nova/')).toBe('https://cloud.example/nova');
});
