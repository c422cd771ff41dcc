/** Elements of the report's page. Whatever is given as text is escaped; what is `Html` is not. */

/** Text that is HTML already. */
export interface Html {
  readonly html: string;
}

export type Content = string | Html;

/** An element around its contents. @param attributes their values are escaped. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...contents: readonly Content[]
): Html {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const inner = contents.map((content) => (typeof content === 'string' ? escaped(content) : content.html));
  return { html: `<${name}${given.join('')}>${inner.join('')}</${name}>` };
}

export interface HtmlColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** A table that scrolls sideways where the page is narrower. */
export function htmlTable(
  columns: readonly HtmlColumn[],
  rows: readonly (readonly Content[])[],
  caption?: string,
): Html {
  const cell = (name: string, content: Content, i: number): Html =>
    element(name, columns[i].align === 'right' ? { class: 'right' } : {}, content);
  const line = (name: string, cells: readonly Content[]): Html =>
    element('tr', {}, ...cells.map((content, i) => cell(name, content, i)));
  const titles = columns.map(({ title }) => title);
  return element(
    'div',
    { class: 'wide' },
    element(
      'table',
      {},
      ...(caption === undefined ? [] : [element('caption', {}, caption)]),
      element('thead', {}, line('th', titles)),
      element('tbody', {}, ...rows.map((row) => line('td', row))),
    ),
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}
