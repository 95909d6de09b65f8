/**
 * `npm run mutate [-- <file or folder> …] [--sample <n>] [--json]`: changes the code in one place at a time and runs the tests nearest to it. What no
 * test notices is listed; exit code 1 when one of these has no reason in survivors.ts.
 */
import { Command, InvalidArgumentError } from 'commander';
import { table } from '../../operator/output/table.ts';
import { type Result, startCampaign, TestsFail } from './campaign.ts';
import { campaign, nearestTests, sourcesBelow } from './nearest.ts';
import { inSample } from './sampling.ts';
import { isUnexplained, reasonOf, sumUp, unneeded } from './summary.ts';

const command = new Command('mutate')
  .description('Changes the code in one place at a time and runs the tests nearest to it.')
  .argument('[paths...]', 'source files or folders; without one, all of the campaign')
  .option('--sample <n>', 'try one mutant in n, always the same ones', parseSample, 1)
  .option('--json', 'print every mutant as JSON')
  .parse();
const { sample, json = false } = command.opts<{ sample: number; json?: boolean }>();
const say = json ? console.error : console.log;

const files = sourcesBelow(command.args.length > 0 ? command.args : campaign);
const results: Result[] = [];
let untested = false;
const { tryMutants, stop } = startCampaign();
try {
  for (const file of files) {
    const begin = performance.now();
    const report = (result: Result) => {
      if (isUnexplained(result)) say(`  ${file}:${result.line}  ${result.change}\n      ${result.source}`);
    };
    const found = await tryMutants(file, nearestTests(file), report, inSample(sample)).catch((error: unknown) => {
      if (!(error instanceof TestsFail)) throw error;
      untested = true;
      console.error(`Without any mutant: ${error.message}`);
      return [];
    });
    results.push(...found);
    const survived = found.filter(({ end }) => end === 'survived').length;
    const seconds = ((performance.now() - begin) / 1000).toFixed(0);
    if (found.length > 0) say(`${file}: ${found.length} mutants, ${survived} survived, ${seconds} s`);
  }
} finally {
  await stop();
}

const summary = sumUp(results);
if (json) console.log(JSON.stringify({ summary, results: results.map((result) => ({ ...result, reason: reasonOf(result) })) }, null, 2));
else {
  const rows = summary.map(({ folder, mutants, caught, survived, unexplained }) => [
    folder,
    ...[mutants, caught, survived, unexplained].map(String),
    `${((100 * caught) / Math.max(mutants, 1)).toFixed(1)} %`,
  ]);
  say(`\n${table(['Folder', 'Mutants', 'Caught', 'Survived', 'Without a reason', 'Caught of all'], rows)}`);
  // A sample says nothing of the survivors outside it.
  for (const { file, source } of sample === 1 ? unneeded(results) : []) say(`No survivor has this line any more: ${file}: ${source}`);
}
process.exitCode = untested || results.some(isUnexplained) ? 1 : 0;

function parseSample(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('A natural number.');
  return Number(text);
}
