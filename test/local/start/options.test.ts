/** The command line of `npm start`: its defaults, what it refuses, and what it says. */
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { defaultSettings } from '../../../compute/settings.ts';
import { greeting } from '../../../local/start/greeting.ts';
import { readOptions } from '../../../local/start/options.ts';
import { start, startProcesses } from './processes.ts';

startProcesses();

describe('the command line', () => {
  it('has defaults', () => {
    expect(readOptions([])).toEqual({ dataDir: join(process.cwd(), '.cellzero'), cells: 2, hosts: 2, host: '127.0.0.1', port: 8_774 });
    expect(readOptions(['--ephemeral', '--port', '0', '--cells=0'])).toMatchObject({ dataDir: undefined, port: 0, cells: 0 });
    expect(readOptions(['--settings', '{"shutdown_timeout":30}']).settings).toEqual({ ...defaultSettings, shutdown_timeout: 30 });
  });

  it.each([
    [['--bogus'], "error: unknown option '--bogus'"],
    [['more'], 'error: too many arguments. Expected 0 arguments but got 1: more.'],
    [['--port'], "error: option '--port <number>' argument missing"],
    [['--port', 'http'], "error: option '--port <number>' argument 'http' is invalid. It takes a whole number from 0 to 65535."],
    [['--port', '70000'], "error: option '--port <number>' argument '70000' is invalid. It takes a whole number from 0 to 65535."],
    [['--cells=-1'], "error: option '--cells <number>' argument '-1' is invalid. It takes a whole number from 0 to 20."],
    [['--cells=1.5'], "error: option '--cells <number>' argument '1.5' is invalid. It takes a whole number from 0 to 20."],
    [['--hosts='], "error: option '--hosts <number>' argument '' is invalid. It takes a whole number from 0 to 1000."],
    [['--host='], "error: option '--host <address>' argument '' is invalid. It takes a name."],
    [
      ['--public-url=nova.example'],
      "error: option '--public-url <url>' argument 'nova.example' is invalid. It takes a URL such as https://nova.example.",
    ],
    [
      ['--settings={"shutdown_timeouts":30}'],
      'error: option \'--settings <json>\' argument \'{"shutdown_timeouts":30}\' is invalid. ✖ Unrecognized key: "shutdown_timeouts"',
    ],
    [['--settings=30s'], "error: option '--settings <json>' argument '30s' is invalid. It takes JSON."],
    [['--data-dir='], "error: option '--data-dir <dir>' argument '' is invalid. It takes a name."],
    [['--ephemeral', '--data-dir', 'x'], "error: option '--ephemeral' cannot be used with option '--data-dir <dir>'"],
  ])('%j is refused with why and what to do', (args, why) => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    onTestFinished(() => write.mockRestore());
    expect(() => readOptions(args)).toThrow(expect.objectContaining({ exitCode: 1 }));
    expect(write.mock.calls.join('')).toBe(`${why}\nSee npm start -- --help.\n`);
  });

  it('has help', async () => {
    const { ended, printed } = start(['--help']);
    expect(await ended).toBe(0);
    for (const option of ['port', 'host', 'data-dir', 'ephemeral', 'cells', 'hosts', 'settings'])
      expect(printed()).toMatch(new RegExp(`^ +--${option} `, 'm'));
  });

  it.each([
    [['--bogus'], /^error: unknown option '--bogus'\nSee npm start -- --help\.\n$/],
    [['--host', '192.0.2.1', '--port', '0'], /^Cannot listen on 192\.0\.2\.1, port 0: E\w+\.\n.*--host 127\.0\.0\.1 --port 0\n$/],
    [['--port', '0', '--data-dir', '/dev/null/data'], /^Cannot keep data in \/dev\/null\/data: ENOTDIR .*\n.*--data-dir DIR\n$/],
  ])('%j cannot be, and it says why and what to do', async (args, message) => {
    const { ended, printed } = start(args);
    expect(await ended).toBe(1);
    expect(printed()).toMatch(message);
  });

  it('warns of an address that lets others in', () => {
    const service = { url: 'http://somewhere:1', cloudsFile: "/a b/it's/clouds.yaml" };
    const options = { dataDir: '/a b', cells: 1, hosts: 0, port: 1 };
    expect(greeting(service, { ...options, host: '0.0.0.0' }, 1_234)).toMatch(/Warning: 0\.0\.0\.0/);
    const quiet = greeting(service, { ...options, host: '127.0.0.1' }, 1_234);
    expect(quiet).not.toContain('Warning');
    expect(quiet).toContain("export OS_CLIENT_CONFIG_FILE='/a b/it'\\''s/clouds.yaml' OS_CLOUD=cellzero");
    expect(quiet).toContain('1 live cell of 0 simulated hosts');
  });
});
