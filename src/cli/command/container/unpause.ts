import { containersCommand } from './containers-command.ts';

export const command = containersCommand((engine, name) => engine.containers.unpause(name));
