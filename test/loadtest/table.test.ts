import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figure, markdownTable, textTable } from '../../loadtest/table.ts';

const COLUMNS = [
  { title: 'name', align: 'left' },
  { title: 'ms', align: 'right' },
] as const;

test('a text table pads every column to its widest cell', () => {
  const table = textTable(COLUMNS, [
    ['submit', '1.5'],
    ['a', '1,200'],
  ]);
  assert.equal(table, ['name       ms', '------  -----', 'submit    1.5', 'a       1,200'].join('\n'));
});

test('a text table without rows is as wide as its titles', () => {
  assert.equal(textTable(COLUMNS, []), 'name  ms\n----  --');
});

test('a Markdown table says how its columns are aligned and keeps bars in cells', () => {
  const table = markdownTable(COLUMNS, [['a|b', '2']]);
  assert.equal(table, '| name | ms |\n| --- | ---: |\n| a\\|b | 2 |');
});

test('figures keep three significant digits at least and separate thousands', () => {
  const written = [0, 0.12345, 1.23456, 12.3456, 123.456, 1234.5, 12_345_678, -4.567].map(figure);
  assert.deepEqual(written, ['0', '0.123', '1.23', '12.3', '123', '1,235', '12,345,678', '-4.57']);
});
