import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Columns, formatList } from './list.ts';

interface Animal {
  name: string;
  legs: number;
}

const COLUMNS: Columns<Animal> = {
  Name: { header: 'NAME', cell: ({ name }) => name },
  Legs: { header: 'LEGS', cell: ({ legs }) => String(legs) },
  Label: {
    header: '',
    cell:
      ({ name }) =>
      (key) =>
        `${name}-${String(key)}`,
  },
};
const ANIMALS = [
  { name: 'dog', legs: 4 },
  { name: 'bird', legs: 2 },
];

const list = (format: string, quiet?: string): Promise<string> =>
  formatList(ANIMALS, { columns: COLUMNS, shown: ['Name', 'Legs'], format, quiet });

describe('lists', () => {
  it('are tables with headers unless asked otherwise', async () => {
    assert.equal(await list(''), 'NAME      LEGS\ndog       4\nbird      2\n');
    assert.equal(await list('table'), await list(''));
  });

  it('are single columns when quiet', async () => {
    assert.equal(await list('', 'Name'), 'dog\nbird\n');
  });

  it('are JSON objects, one a line', async () => {
    assert.equal(await list('json'), '{"Legs":"4","Name":"dog"}\n{"Legs":"2","Name":"bird"}\n');
  });

  it('follow a template, with or without a table', async () => {
    assert.equal(await list('{{.Name}}\\t{{.Legs}} {{.Label "x"}}'), 'dog\t4 dog-x\nbird\t2 bird-x\n');
    assert.equal(
      await list('table {{.Name}}\\t{{.Label "com.example.team"}}'),
      'NAME      team\ndog       dog-com.example.team\nbird      bird-com.example.team\n',
    );
  });

  it('refuse a template that they cannot follow', async () => {
    await assert.rejects(list('{{.Nope}}'), /template parsing error: .*"Nope"/);
    await assert.rejects(list('{{foo'), /template parsing error: template: :1: unclosed action/);
  });
});
