/** Errors and warnings: on standard error, and in the file of --log in the form of runc's logs, which engines read. */
import { appendFileSync } from 'node:fs';

export type LogFormat = 'text' | 'json';
type Level = 'warning' | 'error';

export class Log {
  readonly #path: string | undefined;
  readonly #format: LogFormat;

  constructor(path: string | undefined, format: LogFormat) {
    this.#path = path;
    this.#format = format;
  }

  warn(message: string): void {
    this.#write('warning', message);
    if (this.#path === undefined) process.stderr.write(`isle-runtime: warning: ${message}\n`);
  }

  error(message: string): void {
    this.#write('error', message);
    process.stderr.write(`isle-runtime: ${message}\n`);
  }

  #write(level: Level, message: string): void {
    if (this.#path === undefined) return;
    const time = new Date().toISOString();
    const line =
      this.#format === 'json'
        ? JSON.stringify({ level, msg: message, time })
        : `time="${time}" level=${level} msg=${JSON.stringify(message)}`;
    appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
  }
}
