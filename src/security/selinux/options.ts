/** `--security-opt label=...`, as dockerd understands it. */
import { EngineError } from '../../errors.ts';
import { type ContextPart, isContextPart } from './context.ts';

export interface LabelOptions {
  /** No label for the process. */
  disabled: boolean;
  /** Parts of the process's context that take the place of the default ones. */
  parts: Partial<Record<ContextPart, string>>;
  /** The type of the files. */
  fileType?: string;
}

const PARTS: readonly string[] = ['user', 'role', 'type', 'level'] satisfies ContextPart[];

function badOption(option: string): EngineError {
  return new EngineError(
    'InvalidParameter',
    `bad label option "${option}", valid options 'disable' or \n'user, role, level, type, filetype' followed by ':' and a value`,
  );
}

/** Of options without `label=`, in their order. Throws InvalidParameter in Docker's words. */
export function parseLabelOptions(options: readonly string[]): LabelOptions {
  const result: LabelOptions = { disabled: false, parts: {} };
  for (const option of options) {
    if (option === 'disable') {
      result.disabled = true;
      continue;
    }
    const [, name = '', value = ''] = /^([a-z]+):(.*)$/s.exec(option) ?? [];
    const part = name === 'filetype' ? 'type' : (name as ContextPart);
    if (!PARTS.includes(part)) throw badOption(option);
    if (!isContextPart(part, value)) {
      throw new EngineError('InvalidParameter', `bad label option ${JSON.stringify(option)}: the value is no ${part}`);
    }
    if (name === 'filetype') result.fileType = value;
    else result.parts[part] = value;
  }
  return result;
}

/** Options that give another container the label of this one; none without a label. */
export function duplicateOptions({ user, role, type, level }: Record<ContextPart, string>): string[] {
  return [`user:${user}`, `role:${role}`, `type:${type}`, ...(level === '' ? [] : [`level:${level}`])];
}
