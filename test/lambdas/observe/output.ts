/** What functions write in the cloud, where a line of standard output is a line of the log: captured while they run in this process. */

/** A line of the log, or of metrics in CloudWatch's embedded format. */
export type Line = Readonly<Record<string, unknown>>;

/** A metric of the embedded format with its dimensions. */
export interface Metric {
  name: string;
  dimensions: Record<string, unknown>;
  values: number[];
}

/** Has functions write as in the cloud and keeps what they write. Start it before the cloud; `stop` gives the terminal back. */
export function captureOutput(namespace: string): { text(): string; lines(): Line[]; metrics(): Metric[]; clear(): void; stop(): void } {
  let text = '';
  const streams = [process.stdout, process.stderr];
  const writes = streams.map(({ write }) => write);
  for (const stream of streams) {
    stream.write = (chunk: string | Uint8Array, ...others: unknown[]) => {
      text += chunk;
      for (const other of others) if (typeof other === 'function') other();
      return true;
    };
  }
  const { POWERTOOLS_DEV, POWERTOOLS_LOG_LEVEL } = process.env;
  Object.assign(process.env, { POWERTOOLS_DEV: 'false', POWERTOOLS_LOG_LEVEL: 'INFO', POWERTOOLS_METRICS_NAMESPACE: namespace });
  const lines = () =>
    text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line): Line => JSON.parse(line));
  return {
    text: () => text,
    lines: () => lines().filter((line) => !('_aws' in line)),
    metrics: () => lines().flatMap(metricsOf(namespace)),
    clear: () => {
      text = '';
    },
    stop() {
      for (const [index, stream] of streams.entries()) stream.write = writes[index] ?? stream.write;
      Object.assign(process.env, { POWERTOOLS_DEV, POWERTOOLS_LOG_LEVEL });
    },
  };
}

interface Embedded {
  _aws: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
}

const metricsOf =
  (namespace: string) =>
  (line: Line): Metric[] => {
    if (!('_aws' in line)) return [];
    const { CloudWatchMetrics } = (line as unknown as Embedded)._aws;
    return CloudWatchMetrics.filter(({ Namespace }) => Namespace === namespace).flatMap(({ Dimensions, Metrics }) =>
      Dimensions.flatMap((names) =>
        Metrics.map(({ Name }) => ({
          name: Name,
          dimensions: Object.fromEntries(names.map((name) => [name, line[name]])),
          values: [line[Name]].flat().map(Number),
        })),
      ),
    );
  };
