// report.html: reads its document, then keeps what is chosen in one place and every chart in step with it.
import {Drawing, readDocument} from './data.js';
import {differenceTable} from './difference.js';
import {byId, el} from './dom.js';
import {bytes, grouped, percent, time} from './format.js';
import {Front, describe, frontLegend} from './front.js';
import {bindKeys} from './keys.js';
import {scheduleLegend, memoryLegend} from './legends.js';
import {MemoryChart} from './memory.js';
import {Overview} from './overview.js';
import {plansTable, ranksTable} from './tables.js';
import {followTheme, nextTheme} from './theme.js';
import {Timeline} from './timeline.js';
import {View} from './view.js';

class Report {
  constructor(data) {
    this.data = data;
    this.plans = data.plans;
    this.drawings = data.drawings.map(() => null);
    this.chosen = 0;
    this.other = null;
    this.timelines = [];
    this.view = new View(1);
    this.overview = new Overview(byId('overview'), this.view);
    this.memory = new MemoryChart(byId('memory-chart'), this.view);
    this.view.onChange(() => this.draw());
    new ResizeObserver(() => this.view.changed()).observe(byId('timelines'));
    this.#frame();
    this.choose(0);
  }

  /** Columns are unfolded when a plan is first shown. */
  drawingOf(plan) {
    const index = this.plans[plan].drawing;
    return (this.drawings[index] ??= new Drawing(this.data.drawings[index]));
  }
  get drawing() { return this.drawingOf(this.chosen); }
  get otherDrawing() { return this.other === null ? null : this.drawingOf(this.other); }

  choose(plan) {
    if (this.plans[plan].drawing === null) return this.say(plan);
    this.chosen = plan;
    if (this.other === plan) this.other = null;
    this.rank = this.drawing.fullest;
    this.#show();
  }
  compare(plan) {
    if (plan !== null && this.plans[plan].drawing === null) return this.say(plan);
    this.other = plan === this.chosen ? null : plan;
    this.#show();
  }
  chooseRank(rank) {
    this.rank = Math.max(0, Math.min(rank, this.drawing.ranks - 1));
    this.#showRank();
    this.view.changed();
  }
  /** The plan after or before the chosen one that has a drawing. */
  step(by) {
    for (let plan = this.chosen + by; plan >= 0 && plan < this.plans.length; plan += by)
      if (this.plans[plan].drawing !== null) return this.choose(plan);
  }
  say(plan) {
    byId('front-detail').replaceChildren(this.#detail(plan), el('p', {class: 'warn'}, this.data.left_out));
  }

  whole() { this.view.set(0, this.view.whole); }
  /** As long as boxes stay readable. */
  close(end) {
    const most = Math.max(...this.drawing.rows.map((_, r) => this.drawing.first[r + 1] - this.drawing.first[r]));
    const span = Math.min(this.view.whole, (this.view.whole * 48) / Math.max(48, most));
    this.view.set(end ? this.view.whole - span : 0, end ? this.view.whole : span);
  }
  theme() { byId('theme-button').textContent = `Theme: ${nextTheme()}`; this.redraw(); }

  draw(ratio) {
    this.overview.draw(ratio);
    for (const timeline of this.timelines) timeline.draw(ratio);
    this.memory.draw();
  }
  /** After the colours changed. */
  redraw() {
    this.overview.strip = null;
    this.#showRank();
    this.draw();
  }

  /** What does not depend on the plan chosen. */
  #frame() {
    const {data, plans} = this;
    byId('title').textContent = data.title;
    byId('facts').replaceChildren(...data.facts.map((fact) => el('li', {}, fact)));
    byId('notes').replaceChildren(...data.notes.map((note) => el('li', {}, note)));
    byId('footer').textContent = data.generator;
    for (const [id, list] of [['job', data.facts], ['assumptions', data.notes]]) byId(id).hidden = list.length === 0;
    byId('front').hidden = byId('plans').hidden = plans.length < 2;
    if (plans.length > 1) {
      byId('front-legend').replaceChildren(...frontLegend());
      this.front = new Front(byId('scatter'), plans, data.memory_limit, (p) => this.choose(p), (p) => this.compare(p));
    }
    const name = (plan) => `${plan.place === null ? 'front' : plan.place + 1}: ${plan.plan}, ${plan.schedule}`;
    byId('compare').replaceChildren(el('option', {value: ''}, 'nothing'), ...plans.map((plan, k) =>
      el('option', {value: k, disabled: plan.drawing === null}, name(plan))));
    byId('compare').parentElement.hidden = plans.length < 2;
    byId('compare').onchange = ({target}) => this.compare(target.value === '' ? null : Number(target.value));
    byId('rank').onchange = ({target}) => this.chooseRank(Number(target.value));
    bindKeys(this);
    followTheme(() => this.redraw());
  }

  /** After another plan was chosen or compared. */
  #show() {
    const plan = this.plans[this.chosen], {drawing, otherDrawing} = this;
    byId('subtitle').replaceChildren(el('b', {}, plan.plan), ` ${plan.schedule}`);
    byId('cards').replaceChildren(...this.#cards(plan, drawing));
    this.front?.mark(this.chosen, this.other);
    if (this.front) byId('front-detail').replaceChildren(this.#detail(this.chosen), ...(this.other === null ? [] : [this.#detail(this.other)]));
    byId('compare').value = this.other ?? '';
    byId('schedule-legend').replaceChildren(...scheduleLegend(drawing));
    byId('memory-legend').replaceChildren(...memoryLegend(drawing, otherDrawing));
    const shown = [[this.chosen, drawing], ...(otherDrawing ? [[this.other, otherDrawing]] : [])];
    this.timelines = shown.map(([, each]) => new Timeline(each, this.view, (rank) => this.chooseRank(rank)));
    byId('timelines').replaceChildren(...shown.flatMap(([index, each], k) =>
      [this.#caption(index, each, shown.length > 1 ? 'AB'[k] : ''), this.timelines[k].canvas]));
    byId('difference').replaceChildren(...(otherDrawing ? [differenceTable({plan, drawing},
      {plan: this.plans[this.other], drawing: otherDrawing})] : []));
    byId('plans-table').replaceChildren(plansTable(this.plans, this.chosen, this.other, (p) => this.choose(p)));
    byId('rank').replaceChildren(...drawing.rows.map((_, rank) =>
      el('option', {value: rank}, `${rank}${rank === drawing.fullest ? ', the fullest' : ''}`)));
    byId('ranks-note').textContent = 'Passes held: the most microbatches whose activations a rank keeps at once. Memory is that of one GPU at its fullest.';
    this.overview.show(drawing);
    this.view.setWhole(Math.max(drawing.iteration, otherDrawing?.iteration ?? 0));
    this.#showRank();
  }

  #showRank() {
    const {drawing, rank} = this;
    for (const timeline of this.timelines) timeline.chosenRank = rank;
    byId('rank').value = rank;
    byId('ranks-table').replaceChildren(ranksTable(drawing, rank, (r) => this.chooseRank(r)));
    this.memory.show(drawing, rank, this.data.memory_limit, this.otherDrawing);
  }

  #caption(index, drawing, letter) {
    const {plan, schedule} = this.plans[index];
    const parameters = Object.entries(drawing.parameters).map(([name, value]) => `, ${name} = ${value}`).join('');
    return el('p', {class: 'caption'}, ...(letter ? [el('b', {class: 'letter'}, letter)] : []), el('b', {}, `${schedule}`), drawing.plan ? ` ${plan}. ` : ' ',
      `${drawing.ranks} ranks, ${drawing.chunks} ${drawing.chunks === 1 ? 'chunk' : 'chunks each'}, ${grouped(drawing.microbatches)} microbatches, ${grouped(drawing.count)} operations${parameters}. `,
      `Pipeline ${time(drawing.iteration)}.`);
  }

  #cards(plan, drawing) {
    const card = (name, value, more) => el('div', {}, el('dt', {}, name), el('dd', {}, value), el('dd', {class: 'more'}, more));
    const bound = drawing.lower_bound ? `pipeline at ${(drawing.iteration / drawing.lower_bound).toFixed(3)} of its lower bound` : '';
    const limit = this.data.memory_limit;
    return [card('Step time', time(plan.step), bound),
      ...(plan.mfu ? [card('MFU', percent(plan.mfu), 'model FLOPs over the GPUs\u2019 peak')] : []),
      card(drawing.plan ? 'Memory per GPU' : 'Activations', bytes(plan.memory),
        `rank ${drawing.fullest}, the fullest${limit ? `, of ${bytes(limit)}` : ''}`),
      card('Bubble', percent(plan.bubble), plan.bound_by ? `bound by ${plan.bound_by}` : 'idle time of all ranks')];
  }

  #detail(index) {
    const plan = this.plans[index], [name, schedule, ...rest] = describe(plan);
    const rank = plan.place === null ? 'on the front' : `number ${plan.place + 1}${plan.front ? ', on the front' : ''}`;
    return el('div', {class: index === this.other ? 'panel other' : 'panel'}, el('h3', {}, name), el('p', {class: 'schedule'}, `${schedule}; ${rank}`),
      el('ul', {}, ...rest.map((line) => el('li', {}, line))),
      plan.drawing !== null && index !== this.chosen && index !== this.other ? el('button', {type: 'button', onclick: () => this.choose(index)}, 'Show') : null,
      index === this.chosen && this.other === null ? el('p', {class: 'note'}, 'Shift and a click on another dot compares the two.') : null,
      index === this.chosen && this.data.left_out ? el('p', {class: 'note'}, this.data.left_out) : null);
  }
}

readDocument().then((data) => {
  byId('page').hidden = false;
  const report = new Report(data);
  window.bigmacReport = report;  // for scripts and tests
  report.draw();
  performance.mark('bigmac-drawn');
}, (error) => document.body.prepend(el('p', {class: 'warn'}, `This report could not be read: ${error.message}`)));
