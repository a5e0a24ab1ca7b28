// Two plans side by side in numbers: what the second takes more or less than the first.
import {el} from './dom.js';
import {bytes, percent, signed, time} from './format.js';

/** Time that all ranks spend on a role, summed. */
function workOf(drawing, role) {
  let sum = 0;
  for (let op = 0; op < drawing.count; ++op)
    if (drawing.modules[drawing.ops.module[op]].role === role) sum += drawing.end[op] - drawing.start[op];
  return sum;
}

const most = (drawing, role) => Math.max(...drawing.rows.map((row) => row.live[role]));

function rows(a, b) {
  const [first, second] = [a, b].map(({plan, drawing}) => [
    ['step', plan.step, time], ['pipeline', drawing.iteration, time],
    ['pipeline over its lower bound', drawing.lower_bound ? drawing.iteration / drawing.lower_bound : 0, (v) => v.toFixed(3)],
    ['MFU', plan.mfu, percent], ['bubble', plan.bubble, percent], ['memory, fullest rank', plan.memory, bytes],
    ['encoder work, all ranks', workOf(drawing, 0), time], ['LLM work, all ranks', workOf(drawing, 1), time],
    ['generator work, all ranks', workOf(drawing, 2), time],
    ['encoder passes held, most', most(drawing, 0), String], ['LLM passes held, most', most(drawing, 1), String],
    ['generator passes held, most', most(drawing, 2), String]]);
  return first.map(([label, value, text], k) => ({label, value, other: second[k][1], text}))
    .filter(({value, other}) => value || other);
}

/** Shares differ by points, everything else also in percent. */
function difference({value, other, text}) {
  const by = other - value;
  if (text === percent) return signed(`${(100 * by).toFixed(1)} points`, by);
  const share = value ? ` (${signed(percent(by / value), by)})` : '';
  return signed(text(by), by) + share;
}

export function differenceTable(a, b) {
  const name = ({plan}) => `${plan.plan}, ${plan.schedule}`;
  const head = el('tr', {}, ...['', `A: ${name(a)}`, `B: ${name(b)}`, 'B less A'].map((text, k) =>
    el('th', {scope: 'col', class: k ? undefined : 'left'}, text)));
  const body = rows(a, b).map((row) => el('tr', {}, el('th', {scope: 'row', class: 'left'}, row.label),
    el('td', {}, row.text(row.value)), el('td', {}, row.text(row.other)), el('td', {class: 'by'}, difference(row))));
  return el('div', {class: 'wide'}, el('table', {class: 'difference'}, el('caption', {}, 'Difference'),
    el('thead', {}, head), el('tbody', {}, ...body)));
}
