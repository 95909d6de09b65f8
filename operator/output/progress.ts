/** Shows how far long work is, on a terminal only and on one line of it; an empty text takes the line away. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
