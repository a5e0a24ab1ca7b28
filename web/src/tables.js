// Tables whose columns sort, and what they hold.
import {el} from './dom.js';
import {bytes, percent, time} from './format.js';

/**
 * `columns`: [{head, value(row), text(row), left}]; `onrow(row)` makes rows clickable; `marked(row)` names a row's class.
 * A click on a head sorts by it, a second one turns the order.
 */
export function sortable(columns, rows, {onrow, marked, label} = {}) {
  const body = el('tbody');
  let sorted = null, down = false;
  const heads = columns.map((column) => el('th', {class: column.left ? 'left' : undefined, scope: 'col'},
    el('button', {type: 'button', onclick: () => sortBy(column)}, column.head)));
  const fill = (list) => body.replaceChildren(...list.map(rowOf));
  function rowOf(row) {
    const cells = columns.map((column) => el('td', {class: column.left ? 'left' : undefined}, column.text(row)));
    return el('tr', {class: marked?.(row), ...(onrow && {tabindex: 0, onclick: () => onrow(row),
      onkeydown: (event) => { if (event.key === 'Enter') onrow(row); }})}, ...cells);
  }
  function sortBy(column) {
    down = sorted === column && !down;
    sorted = column;
    const sign = down ? -1 : 1;
    const before = (a, b) => (typeof a === 'string' ? a.localeCompare(b) : a - b);
    heads.forEach((head, k) => head.setAttribute('aria-sort',
      columns[k] === column ? (down ? 'descending' : 'ascending') : 'none'));
    fill([...rows].sort((a, b) => sign * before(column.value(a), column.value(b))));
  }
  fill(rows);
  return el('div', {class: 'wide', tabindex: 0, role: 'region', 'aria-label': label},
    el('table', {class: onrow ? 'rows' : undefined}, el('thead', {}, el('tr', {}, ...heads)), body));
}

const column = (head, value, text, left = false) => ({head, value, text: (row) => text(value(row)), left});
const plain = (value) => String(value);

export function plansTable(plans, chosen, other, choose) {
  const fastest = Math.min(...plans.map((plan) => plan.step));
  const columns = [
    column('#', (p) => p.place ?? Infinity, (v) => (v === Infinity ? '' : plain(v + 1)), true),
    column('plan', (p) => p.plan, plain, true), column('schedule', (p) => p.schedule, plain, true),
    column('step', (p) => p.step, time),
    column('over the fastest', (p) => p.step / fastest - 1, (v) => `+${percent(v)}`),
    column('memory', (p) => p.memory, bytes),
    ...(plans.some((p) => p.mfu) ? [column('MFU', (p) => p.mfu, percent)] : []),
    column('bubble', (p) => p.bubble, percent),
    column('front', (p) => (p.front ? 0 : 1), (v) => (v ? '' : '\u25cf')),
    column('bound by', (p) => p.bound_by, plain, true)];
  return sortable(columns, plans, {label: 'Plans', onrow: (plan) => choose(plans.indexOf(plan)),
    marked: (plan) => ({[chosen]: 'chosen', [other]: 'other'})[plans.indexOf(plan)]});
}

export function ranksTable(drawing, chosen, choose) {
  const has = (role) => drawing.modules.some((module) => module.role === role);
  const still = (k) => (rank) => drawing.memory.still[rank][k];
  const columns = [
    column('rank', (rank) => rank, plain, true),
    column('busy', (rank) => drawing.rows[rank].busy, time),
    column('idle', (rank) => 1 - drawing.rows[rank].busy / Math.max(1, drawing.iteration), percent),
    ...(has(0) ? [column('encoder passes held', (rank) => drawing.rows[rank].live[0], plain)] : []),
    column('LLM passes held', (rank) => drawing.rows[rank].live[1], plain),
    ...(has(2) ? [column('generator passes held', (rank) => drawing.rows[rank].live[2], plain)] : []),
    ...(drawing.plan ? ['weights', 'gradients', 'optimizer', 'buffers'].map((name, k) => column(name, still(k), bytes)) : []),
    column('activations', (rank) => drawing.peak[rank].bytes - drawing.memory.still[rank].reduce((a, b) => a + b, 0), bytes),
    ...(drawing.plan ? [column('total', (rank) => drawing.peak[rank].bytes, bytes)] : [])];
  return sortable(columns, [...Array(drawing.ranks).keys()], {label: 'Ranks', onrow: choose,
    marked: (rank) => (rank === chosen ? 'chosen' : undefined)});
}
