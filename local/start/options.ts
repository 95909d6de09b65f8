/** What `npm start` takes on its command line. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import * as z from 'zod';
import { type Settings, settingsSchema } from '../../compute/settings.ts';
import type { ServiceOptions } from '../deployment/service.ts';
import { wholeNumber } from '../processes/whole-number.ts';

/** One PostgreSQL holds all cells, a database each with up to 8 connections, and has 200 of these. */
const mostCells = 20;
const mostHosts = 1_000;
const mostPorts = 65_535;

/**
 * Reads the command line. What is wrong with it, and the help that it asks for, is printed.
 * @returns what to run.
 * @throws CommanderError when there is nothing to run, with the exit code of the process.
 */
export function readOptions(args: readonly string[]): ServiceOptions {
  const command = new Command('npm start --')
    .description('Serves a cloud on this machine until Ctrl-C.')
    .option('--port <number>', 'where to listen, 0 takes a free port', wholeNumber(mostPorts), 8_774)
    .option('--host <address>', 'on which address; others than 127.0.0.1 let others in', name, '127.0.0.1')
    .option('--public-url <url>', 'where clients reach it, when that is not where it listens: behind a proxy', publicUrl)
    .option('--data-dir <dir>', 'where to keep the data', name, '.cellzero')
    .addOption(new Option('--ephemeral', 'keep no data').default(false).conflicts('dataDir'))
    .option('--cells <number>', 'live cells beside cell0; with 0 every server ends in cell0', wholeNumber(mostCells), 2)
    .option('--hosts <number>', 'simulated hosts in each of them', wholeNumber(mostHosts), 2)
    .option('--settings <json>', 'Nova\'s options that differ from its defaults, such as {"shutdown_timeout": 30}', settings)
    .allowExcessArguments(false)
    .showHelpAfterError('See npm start -- --help.')
    .exitOverride()
    .parse(args, { from: 'user' });
  const { dataDir, ephemeral, ...options } = command.opts<ServiceOptions & { dataDir: string; ephemeral: boolean }>();
  return { ...options, dataDir: ephemeral ? undefined : resolve(dataDir) };
}

function settings(text: string): Settings {
  try {
    return settingsSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new InvalidArgumentError(error instanceof z.ZodError ? z.prettifyError(error) : 'It takes JSON.');
  }
}

function publicUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash)
    throw new InvalidArgumentError('It takes a URL such as https://nova.example.');
  return text.replace(/\/+$/, '');
}

function name(text: string): string {
  if (text === '') throw new InvalidArgumentError('It takes a name.');
  return text;
}
