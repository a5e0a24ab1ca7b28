// The front of time and memory: a dot per plan, each a button.
import {el, hideTip, showTip, svg} from './dom.js';
import {byteUnit, bytes, percent, tickLabel, ticks, time, timeUnit} from './format.js';

const WIDTH = 640, HEIGHT = 380, FRAME = {left: 66, right: 624, top: 18, bottom: 330};

/** [low, high] with room around it. */
function padded(values) {
  const low = Math.min(...values), high = Math.max(...values);
  const room = Math.max(0.08 * (high - low), 0.02 * high, 1);
  return [Math.max(0, low - room), high + room];
}

export const describe = (plan) => [
  plan.plan, plan.schedule, `step ${time(plan.step)}, memory ${bytes(plan.memory)}`,
  `${plan.mfu ? `MFU ${percent(plan.mfu)}, ` : ''}bubble ${percent(plan.bubble)}`,
  ...(plan.bound_by ? [`bound by ${plan.bound_by}`] : []),
  ...(plan.drawing === null ? ['its schedule is not in this file'] : []),
];

export class Front {
  /** `choose(index)` for a click or Enter, `compare(index)` with Shift. */
  constructor(host, plans, limit, choose, compare) {
    Object.assign(this, {plans, limit, choose, compare});
    this.x = padded(plans.map((plan) => plan.step));
    this.y = padded(plans.map((plan) => plan.memory));
    this.root = svg('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'group', 'aria-label': 'Step time against memory per GPU'});
    this.#axes();
    this.#limit();
    this.#stairs();
    this.rings = [svg('circle', {class: 'ring chosen', r: 9.5}), svg('circle', {class: 'ring other', r: 9.5})];
    this.dots = new Map();
    // The front last, so that it lies on top.
    [...plans.keys()].sort((a, b) => plans[a].front - plans[b].front).forEach((index) => this.#dot(index));
    this.root.append(...this.rings);
    host.append(this.root);
  }

  #at(plan) {
    const along = ([low, high], value) => (value - low) / (high - low);
    return [FRAME.left + along(this.x, plan.step) * (FRAME.right - FRAME.left),
      FRAME.bottom - along(this.y, plan.memory) * (FRAME.bottom - FRAME.top)];
  }

  #axes() {
    const across = ticks(...this.x, 8), up = ticks(...this.y, 7);
    const unit = timeUnit(this.x[1]), size = byteUnit(this.y[1]);
    for (const value of across.values) {
      const [x] = this.#at({step: value, memory: 0});
      this.root.append(svg('path', {class: 'grid', d: `M${x} ${FRAME.top}V${FRAME.bottom}`}),
        svg('text', {class: 'mid', x, y: FRAME.bottom + 17}, tickLabel(value, across.step, unit)));
    }
    for (const value of up.values) {
      const [, y] = this.#at({step: 0, memory: value});
      this.root.append(svg('path', {class: 'grid', d: `M${FRAME.left} ${y}H${FRAME.right}`}),
        svg('text', {class: 'end', x: FRAME.left - 8, y: y + 4}, tickLabel(value, up.step, size)));
    }
    this.root.append(svg('path', {class: 'axis', d: `M${FRAME.left} ${FRAME.top}V${FRAME.bottom}H${FRAME.right}`}),
      svg('text', {x: 0, y: 10}, `memory per GPU, ${size[1]}`),
      svg('text', {class: 'end', x: FRAME.right, y: FRAME.bottom + 38}, `step time, ${unit[1]}`));
  }

  #limit() {
    if (!this.limit || this.limit > this.y[1] || this.limit < this.y[0]) return;
    const [, y] = this.#at({step: 0, memory: this.limit});
    this.root.append(svg('path', {class: 'limit', d: `M${FRAME.left} ${y}H${FRAME.right}`}),
      svg('text', {class: 'limit-text', x: FRAME.left + 6, y: y - 5}, `limit ${bytes(this.limit)}`));
  }

  /** Below and left of the stairs lies what no plan reaches. */
  #stairs() {
    const front = this.plans.filter((plan) => plan.front).sort((a, b) => a.step - b.step);
    if (front.length < 2) return;
    const d = front.map((plan) => this.#at(plan).map((v) => v.toFixed(1))).map(([x, y], i) => (i ? `H${x}V${y}` : `M${x} ${y}`));
    this.root.append(svg('path', {class: 'stairs', d: d.join('')}));
  }

  #dot(index) {
    const plan = this.plans[index], [x, y] = this.#at(plan);
    const act = (event) => (event.shiftKey ? this.compare : this.choose)(index);
    const tip = (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      showTip(event.clientX || box.right, event.clientY || box.bottom, describe(plan));
    };
    const dot = svg('circle', {
      class: `dot${plan.front ? ' front' : ''}${plan.drawing === null ? ' absent' : ''}`, cx: x, cy: y, r: plan.front ? 5.5 : 4.5,
      tabindex: 0, role: 'button', 'data-plan': index, 'aria-label': describe(plan).join(', '),
      onclick: act, onpointerenter: tip, onfocus: tip, onpointerleave: hideTip, onblur: hideTip,
      onkeydown: (event) => {
        if (event.key === 'Enter' || event.key === ' ') event.preventDefault(), act(event);
      }});
    this.dots.set(index, dot);
    this.root.append(dot);
  }

  /** Rings around the chosen plan and the one it is compared with (or null). */
  mark(chosen, other) {
    [chosen, other].forEach((index, k) => {
      const shown = index !== null && index !== undefined;
      this.rings[k].toggleAttribute('hidden', !shown);
      if (!shown) return;
      const [x, y] = this.#at(this.plans[index]);
      this.rings[k].setAttribute('cx', x);
      this.rings[k].setAttribute('cy', y);
    });
    for (const [index, dot] of this.dots) dot.setAttribute('aria-pressed', index === chosen);
  }
}

export function frontLegend() {
  const mark = (css, label) => el('span', {class: 'key'},
    svg('svg', {viewBox: '0 0 16 16', 'aria-hidden': true}, svg('circle', {class: css, cx: 8, cy: 8, r: css.startsWith('ring') ? 6.5 : 5})), label);
  return [mark('dot front', 'on the front'), mark('dot', 'other good plans'), mark('ring chosen', 'shown below'),
    mark('ring other', 'compared with')];
}
