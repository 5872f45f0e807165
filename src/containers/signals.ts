/** Signal names and numbers as Docker takes them: "KILL", "sigkill", "SIGRTMIN+3", "9". */
import { constants } from 'node:os';
import { EngineError } from '../errors.ts';

const RTMIN = 34;
const RTMAX = 64;

/** The number of a signal; throws InvalidParameter with Docker's words where there is none. */
export function parseSignal(text: string): number {
  const invalid = () => new EngineError('InvalidParameter', `invalid signal: ${text}`);
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number < 1 || number > RTMAX) throw invalid();
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (realTime !== null) {
    const base = realTime[1] === 'MIN' ? RTMIN : RTMAX;
    const number = base + Number(`${realTime[2] ?? '+'}${realTime[3] ?? '0'}`);
    if (number < RTMIN || number > RTMAX) throw invalid();
    return number;
  }
  const number = (constants.signals as Record<string, number | undefined>)[`SIG${name}`];
  if (number === undefined) throw invalid();
  return number;
}
