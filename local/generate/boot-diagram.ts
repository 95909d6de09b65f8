/** The boot workflow as a Mermaid diagram, made from its definition so that the two cannot differ. `node local/generate/boot-diagram.ts` prints it. */
import { readFileSync } from 'node:fs';

interface State {
  Type: string;
  Next?: string;
  End?: boolean;
  Catch?: { ErrorEquals: string[]; Next: string }[];
  ItemProcessor?: Machine;
}

interface Machine {
  StartAt: string;
  States: Record<string, State>;
}

/** Returns the diagram of a definition in the Amazon States Language: full arrows for what follows, and the caught errors by name. */
export function diagram(machine: Machine): string {
  return ['stateDiagram-v2', ...lines(machine, '  ')].join('\n');
}

function lines({ StartAt, States }: Machine, indent: string): string[] {
  return [
    `${indent}[*] --> ${StartAt}`,
    ...Object.entries(States).flatMap(([name, { Type, Next, End, Catch = [], ItemProcessor }]) => [
      ...(ItemProcessor ? [`${indent}state ${name} {`, ...lines(ItemProcessor, `${indent}  `), `${indent}}`] : []),
      ...(Next ? [`${indent}${name} --> ${Next}`] : []),
      ...(End || Type === 'Succeed' ? [`${indent}${name} --> [*]`] : []),
      ...Catch.map(
        ({ ErrorEquals, Next: next }) => `${indent}${name} --> ${next}: ${ErrorEquals.join(', ').replace('States.ALL', 'any error')}`,
      ),
    ]),
  ];
}

if (import.meta.main) {
  console.log(diagram(JSON.parse(readFileSync(new URL('../../lambdas/workflows/boot/boot.asl.json', import.meta.url), 'utf8'))));
}
