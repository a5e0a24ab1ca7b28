// Keys and the buttons that do the same.
import {byId} from './dom.js';

export function bindKeys(report) {
  const {view} = report;
  const actions = {
    ArrowLeft: () => view.move(-0.15 * view.span), ArrowRight: () => view.move(0.15 * view.span),
    ArrowUp: () => report.chooseRank(report.rank - 1), ArrowDown: () => report.chooseRank(report.rank + 1),
    '+': () => view.zoom(0.7), '=': () => view.zoom(0.7), '-': () => view.zoom(1 / 0.7),
    0: () => report.whole(), 1: () => report.close(false), 2: () => report.close(true),
    '[': () => report.step(-1), ']': () => report.step(1),
    c: () => report.compare(report.other !== null ? null : report.chosen === 0 ? firstOther(report) : 0),
    t: () => report.theme(), '?': () => byId('help').showModal(),
  };
  // Arrows scroll the page and move in lists, so they are ours only on the charts.
  const ours = (event) => !event.key.startsWith('Arrow') || event.target.closest?.('#timelines, #memory-chart');
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.('select, dialog')) return;
    const action = actions[event.key];
    if (!action || !ours(event)) return;
    event.preventDefault();
    action();
  });
  const buttons = {fit: '0', warm: '1', cool: '2', 'zoom-in': '+', 'zoom-out': '-', 'help-button': '?', 'theme-button': 't'};
  for (const [id, key] of Object.entries(buttons)) byId(id).addEventListener('click', actions[key]);
}

/** The best plan besides the chosen one that has a drawing. */
const firstOther = (report) => {
  const found = report.plans.findIndex((plan, k) => k !== report.chosen && plan.drawing !== null);
  return found < 0 ? null : found;
};
