/** A flag as a command declares it. T is what the command reads. */
export interface Flag<T> {
  /** One letter, without the dash. */
  readonly short?: string | undefined;
  /** Docker's word for the value in the help ("string", "list", "bytes"); '' for a boolean. */
  readonly valueName: string;
  readonly usage: string;
  readonly initial: T;
  /** Shown as "(default ...)"; '' shows nothing. */
  readonly defaultText: string;
  /** The value that the bare flag stands for (`--rm` is `--rm=true`); undefined: the flag needs a value. */
  readonly bareValue?: string | undefined;
  /** Folds one occurrence into what was there before. Throws FlagValueError. (A method: tables hold flags of all types.) */
  parse(text: string, previous: T): T;
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

export type FlagValues<F extends FlagTable> = { [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never };

/** Why a value cannot be taken; the parser puts flag and value in front. */
export class FlagValueError extends Error {}

export interface FlagOptions<T> {
  short?: string;
  usage: string;
  initial?: T;
  valueName?: string;
  defaultText?: string;
}
