import type { Explanation } from '../api/types/explain.ts';
import { EngineError } from '../errors.ts';
import type { Container } from './container.ts';
import type { ContainersContext } from './context.ts';

export async function explainOne(_context: ContainersContext, container: Container): Promise<Explanation> {
  throw new EngineError('NotImplemented', `explain ${container.record.name}`);
}
