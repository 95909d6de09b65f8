/** Lists of users and projects: what they can be asked for, and page by page. */
import { describe, expect, test } from 'vitest';
import type { Json } from '../events.ts';
import { ann, ask, tokenOf, usePeople } from './people.ts';

usePeople();

describe('a list', () => {
  const names = async (path: string, token: string) => {
    const { status, body } = await ask(`/identity/v3/${path}`, { token });
    expect(status, path).toBe(200);
    return (body[path.startsWith('users') ? 'users' : 'projects'] as unknown as Json[]).map(({ name }) => name);
  };

  test.each([
    ['users?enabled=false', ['gone']],
    ['users?enabled=0', ['gone']],
    ['users?enabled=True', ['ann', 'root']],
    ['users?enabled', ['ann', 'root']],
    ['users?enabled=true&name=gone', []],
    ['users?name=ann&name=root', []],
    ['users?name__contains=o', ['gone', 'root']],
    ['users?name__startswith=g', ['gone']],
    ['users?name__endswith=nn', ['ann']],
    ['users?name__contains=O', []],
    ['users?name__icontains=O', ['gone', 'root']],
    ['users?domain_id=default', ['ann', 'gone', 'root']],
    ['users?domain_id=elsewhere', []],
    ['users?idp_id=x', []],
    ['users?unique_id=x', []],
    ['users?password_expires_at=lt:2030-01-01T00:00:00Z', []],
    ['projects?enabled=false', []],
    ['projects?parent_id=default&name__contains=e', ['closed', 'demo', 'other']],
    ['projects?parent_id=elsewhere', []],
    ['projects?is_domain=true', []],
    ['projects?is_domain=False', ['closed', 'demo', 'other']],
    ['projects?tags=a', []],
    ['projects?tags-any=a,b', []],
    ['projects?not-tags=a', ['closed', 'demo', 'other']],
    ['projects?not-tags-any=a', ['closed', 'demo', 'other']],
  ])('%s finds what it says, and nothing else', async (path, found) => {
    expect(await names(path, await tokenOf('root', 'rootpw'))).toEqual(found);
  });

  test.each([
    ...['enabled=maybe', 'enabled__contains=t', 'name__like=a', 'email=a', 'nonsense', '__proto__=x', 'constructor=x'],
    ...['limit=x', 'limit=0', 'marker=nobody', 'sort_key=name'],
  ])('is refused for what it cannot be asked: %s', async (query) => {
    for (const list of ['users', 'projects']) {
      const { status, body } = await ask(`/identity/v3/${list}?${query}`, { token: await tokenOf('root', 'rootpw') });
      expect([status, body.error?.title], list).toEqual([400, 'Bad Request']);
    }
  });

  test('leads from page to page, and the link keeps the filter', async () => {
    const token = await tokenOf('root', 'rootpw');
    const first = await ask('/identity/v3/users?limit=1&enabled=true', { token });
    expect(first.body).toMatchObject({
      users: [{ name: 'ann' }],
      links: {
        self: 'https://cloud.example/identity/v3/users?limit=1&enabled=true',
        next: `https://cloud.example/identity/v3/users?limit=1&enabled=true&marker=${ann}`,
        previous: null,
      },
    });
    const second = await ask(`/identity/v3/users?limit=1&enabled=true&marker=${ann}`, { token });
    expect(second.body).toMatchObject({ users: [{ name: 'root' }], links: { next: null } });
  });
});
