/** The kinds of flags that commands declare. Each call gives one row of a command's flag table. */
import { type Flag, type FlagOptions, FlagValueError } from './flag.ts';
import { messages } from '../format/messages.ts';
import {
  parseBool,
  parseBytes,
  parseDuration,
  parseInteger,
  parseNanoCpus,
  parseSwapBytes,
  parseUlimit,
  type UlimitValue,
} from './values.ts';

function single<T>(valueName: string, initial: T, parse: (text: string) => T, options: FlagOptions<T>): Flag<T> {
  return {
    short: options.short,
    usage: options.usage,
    valueName: options.valueName ?? valueName,
    initial: options.initial ?? initial,
    defaultText: options.defaultText ?? '',
    parse: (text) => parse(text),
  };
}

export const flag = {
  bool(options: FlagOptions<boolean>): Flag<boolean> {
    const defaultText = options.initial === true ? 'true' : '';
    return { ...single('', false, parseBool, { defaultText, ...options }), bareValue: 'true' };
  },

  string(options: FlagOptions<string>): Flag<string> {
    const defaultText = options.initial === undefined ? '' : JSON.stringify(options.initial);
    return single('string', '', (text) => text, { defaultText, ...options });
  },

  /** One of these words; `initial` is required, because there is no empty choice. */
  choice<const T extends string>(
    choices: readonly T[],
    options: FlagOptions<NoInfer<T>> & { initial: NoInfer<T> },
  ): Flag<T> {
    const parse = (text: string): T => {
      const found = choices.find((choice) => choice === text);
      if (found === undefined) throw new FlagValueError(messages.notAChoice(choices));
      return found;
    };
    return single('string', options.initial, parse, { defaultText: JSON.stringify(options.initial), ...options });
  },

  int(options: FlagOptions<number | undefined>): Flag<number | undefined> {
    return single<number | undefined>('int', undefined, parseInteger, options);
  },

  bytes(options: FlagOptions<number>): Flag<number> {
    return single('bytes', 0, parseBytes, options);
  },

  swapBytes(options: FlagOptions<number>): Flag<number> {
    return single('bytes', 0, parseSwapBytes, options);
  },

  /** In nanoseconds. */
  duration(options: FlagOptions<number>): Flag<number> {
    return single('duration', 0, parseDuration, options);
  },

  nanoCpus(options: FlagOptions<number>): Flag<number> {
    return single('decimal', 0, parseNanoCpus, options);
  },

  /** Every occurrence adds one element; `check` may rewrite it or throw FlagValueError. */
  list(options: FlagOptions<string[]> & { check?: (text: string) => string }): Flag<string[]> {
    const check = options.check ?? ((text: string): string => text);
    return {
      ...single<string[]>('list', [], () => [], options),
      parse: (text, previous) => [...previous, check(text)],
    };
  },

  ulimits(options: FlagOptions<UlimitValue[]>): Flag<UlimitValue[]> {
    return {
      ...single<UlimitValue[]>('ulimit', [], () => [], { defaultText: '[]', ...options }),
      parse: (text, previous) => {
        const limit = parseUlimit(text);
        return [...previous.filter((other) => other.Name !== limit.Name), limit];
      },
    };
  },
};
