import { splitReference } from '../../reference.ts';
import { ARGUMENTS, defineCommand } from '../command.ts';

export const command = defineCommand({
  synopsis: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  flags: {},
  arguments: ARGUMENTS.two,
  async run({ args: [source = '', target = ''], engine }) {
    const { repository, tag } = splitReference(target);
    await engine.images.tag(source, repository, tag);
    return 0;
  },
});
