// What the colours of a schedule and of memory mean, as far as they occur.
import {el, key} from './dom.js';

export function scheduleLegend(drawing) {
  const used = new Set(drawing.paint);
  const colours = (pick) => drawing.paints.filter((paint, k) => used.has(k) && pick(paint.css)).map((paint) => paint.colour);
  const names = (role) => drawing.modules.filter((module) => module.role === role).map((module) => module.name).join(', ');
  const chunks = drawing.chunks > 1 ? `, chunks 0 to ${drawing.chunks - 1}` : '';
  const split = drawing.ops.kind.includes('I');
  return [
    [(css) => css === 'ef', `${names(0)} forward`], [(css) => css === 'eb', `${names(0)} backward`],
    [(css) => /^f\d/.test(css), `LLM forward${chunks}`], [(css) => /^b\d/.test(css), `LLM backward${split ? ' of inputs' : ''}${chunks}`],
    [(css) => css === 'w', 'backward of weights'], [(css) => css === 'r', 'recomputed forward'],
    [(css) => css === 'gf', `${names(2)} forward`], [(css) => css === 'gb', `${names(2)} backward`],
  ].map(([pick, label]) => [colours(pick), label]).filter(([found]) => found.length).map(([found, label]) => key(found, label))
    .concat(key(['var(--lane)'], 'idle'), el('span', {}, 'Narrower than a pixel, colours mix.'));
}

export function memoryLegend(drawing, other) {
  const {kinds, still, change} = drawing.memory;
  const held = (k) => (k < still[0].length ? still.some((bytes) => bytes[k] > 0) : change[k - still[0].length].some((by) => by > 0));
  return [...kinds.map((kind, k) => (held(k) ? key([kind.colour], kind.name) : null)).filter(Boolean),
    ...(other ? [el('span', {class: 'key'}, el('i', {class: 'dash'}), 'B, total')] : [])];
}
