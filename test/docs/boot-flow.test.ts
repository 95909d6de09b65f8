import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { diagram } from '../../local/generate/boot-diagram.ts';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the diagram in docs/boot-flow.md is that of boot.asl.json', async () => {
  expect(await read('docs/boot-flow.md')).toContain(
    `\`\`\`mermaid\n${diagram(JSON.parse(await read('lambdas/workflows/boot/boot.asl.json')))}\n\`\`\``,
  );
});
