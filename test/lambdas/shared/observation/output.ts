/** What functions write in the cloud, where a line of standard output is a line of the log: captured while they run in this process. */

/** A line of the log, or of metrics in CloudWatch's embedded format. */
export type Line = Readonly<Record<string, unknown>>;

/** A metric of the embedded format with its dimensions. */
export interface Metric {
  name: string;
  dimensions: Record<string, unknown>;
  values: number[];
}

/** What was written since the last `clear`. */
export interface Output {
  text(): string;
  lines(): Line[];
  metrics(): Metric[];
  /** Since the start. */
  everMeasured(): Metric[];
  clear(): void;
  /** Returns the terminal back. */
  stop(): void;
}

/** Has functions write as in the cloud and keeps what they write. It begins before the cloud. */
export function captureOutput(namespace: string): Output {
  let text = '';
  let earlier = '';
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
  return {
    text: () => text,
    lines: () => linesOf(text).filter((line) => !('_aws' in line)),
    metrics: () => linesOf(text).flatMap(metricsOf(namespace)),
    everMeasured: () => linesOf(earlier + text).flatMap(metricsOf(namespace)),
    clear() {
      earlier += text;
      text = '';
    },
    stop() {
      for (const [index, stream] of streams.entries()) stream.write = writes[index] ?? stream.write;
      Object.assign(process.env, { POWERTOOLS_DEV, POWERTOOLS_LOG_LEVEL });
    },
  };
}

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
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
