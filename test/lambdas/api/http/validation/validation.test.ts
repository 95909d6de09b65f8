import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { validateBody, validateQuery } from '../../../../../lambdas/api/http/validation/validation.ts';

const schema = z.strictObject({
  server: z.strictObject({
    name: z.string().min(1).max(5),
    count: z.int().min(1).max(9).optional(),
    networks: z.union([z.literal('auto'), z.array(z.string())]).optional(),
    diskConfig: z.enum(['AUTO', 'MANUAL']).optional(),
    metadata: z.record(z.string().regex(/^[a-z]+$/), z.string()).optional(),
    imageRef: z
      .string()
      .regex(/^[0-9a-f]+$/)
      .optional(),
    ordered: z
      .string()
      .refine((value) => value !== 'b', 'a must come before b')
      .optional(),
  }),
});

describe('a refused body', () => {
  test.each([
    [{}, "'server' is a required property"],
    [{ server: { name: 'a' }, more: 1 }, "Additional properties are not allowed ('more' was unexpected)"],
    [{ server: {} }, "Invalid input for field/attribute server. Value: {}. 'name' is a required property"],
    [{ server: { name: 5 } }, "Invalid input for field/attribute name. Value: 5. 5 is not of type 'string'"],
    [{ server: { name: '' } }, "Invalid input for field/attribute name. Value: . '' is too short"],
    [{ server: { name: 'abcdef' } }, "Invalid input for field/attribute name. Value: abcdef. 'abcdef' is too long"],
    [
      { server: { name: 'a', x: null, y: true } },
      "Invalid input for field/attribute server. Value: {'name': 'a', 'x': None, 'y': True}. Additional properties are not allowed ('x', 'y' were unexpected)",
    ],
    [{ server: { name: 'a', count: 0 } }, 'Invalid input for field/attribute count. Value: 0. 0 is less than the minimum of 1'],
    [{ server: { name: 'a', count: 10 } }, 'Invalid input for field/attribute count. Value: 10. 10 is greater than the maximum of 9'],
    [{ server: { name: 'a', count: 1.5 } }, "Invalid input for field/attribute count. Value: 1.5. 1.5 is not of type 'integer'"],
    [
      { server: { name: 'a', networks: 1 } },
      'Invalid input for field/attribute networks. Value: 1. 1 is not valid under any of the given schemas',
    ],
    [
      { server: { name: 'a', diskConfig: 'x' } },
      "Invalid input for field/attribute diskConfig. Value: x. 'x' is not one of ['AUTO', 'MANUAL']",
    ],
    [{ server: { name: 'a', imageRef: 'x' } }, "Invalid input for field/attribute imageRef. Value: x. 'x' does not match '^[0-9a-f]+$'"],
    [{ server: { name: 'a', metadata: { a: 1 } } }, "Invalid input for field/attribute a. Value: 1. 1 is not of type 'string'"],
    [
      { server: { name: 'a', metadata: { A: 'x' } } },
      "Invalid input for field/attribute metadata. Value: {'A': 'x'}. 'A' does not match any of the regexes",
    ],
    [{ server: { name: 'a', ordered: 'b' } }, 'Invalid input for field/attribute ordered. Value: b. a must come before b'],
  ])('%j', (body, message) => {
    expect(() => validateBody(schema, body)).toThrow(expect.objectContaining({ name: 'BadRequest', message }));
  });

  test('is not followed to the end of its depth', () => {
    const name = Array.from({ length: 20_000 }).reduce<unknown>((inner) => ({ a: [inner] }), 'x');
    const message = expect.stringMatching(/^Invalid input for field\/attribute name\. Value: (\{'a': \[)+.*… .*is not of type 'string'$/);
    expect(() => validateBody(schema, { server: { name } })).toThrow(expect.objectContaining({ name: 'BadRequest', message }));
  });

  test('is not repeated at length', () => {
    const attempt = () => validateBody(schema, { server: { name: 'x'.repeat(10_000) } });
    expect(attempt).toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{1,300}$/s) }));
  });
});

test('a valid body is given as the schema makes it', () => {
  expect(validateBody(z.object({ n: z.string().transform(Number) }), { n: '5', other: 1 })).toEqual({ n: 5 });
});

test('a refused query is named as such', () => {
  const query = z.object({ limit: z.array(z.string().regex(/^\d+$/)) });
  expect(() => validateQuery(query, { limit: ['1', '-1'] })).toThrow(
    /^Invalid input for query parameters limit\. Value: \['1', '-1'\]|^Invalid input for query parameters limit\. Value: -1/,
  );
});
