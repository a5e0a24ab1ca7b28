// A planned job's report.html against the files beside it. Usage: node plan_page_test.mjs FOLDER SCREENSHOTS
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {assert, check, launch, openReport, settle, span, timelineBox} from './page.mjs';

const [folder, pictures] = process.argv.slice(2);
const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const pareto = read('pareto.json'), plan = read('plan.json');
const browser = await launch();
const {page, complaints} = await openReport(browser, join(folder, 'report.html'));
const shoot = (name) => page.screenshot({path: join(pictures, `${name}.png`), fullPage: true});

const dots = await page.$$eval('.dot.front[data-plan]', (nodes) => nodes.map((node) => {
  const index = Number(node.dataset.plan), {step, memory, mfu} = bigmacReport.plans[index];
  return {index, step, memory, mfu, x: Number(node.getAttribute('cx')), y: Number(node.getAttribute('cy'))};
}).sort((a, b) => a.step - b.step));

await check('the dots are the plans of pareto.json', () => {
  assert.ok(dots.length >= 3);
  const key = ({step, memory, mfu}) => `${step} ${memory} ${mfu.toFixed(6)}`;
  assert.deepEqual(dots.map(key), pareto.front.map((p) => key({step: p.step_ns, memory: p.memory_bytes, mfu: p.mfu})));
});

await check('each dot stands where its time and memory say', () => {
  const [a, b] = [dots[0], dots[dots.length - 1]];
  for (const dot of dots) {
    assert.ok(Math.abs(dot.x - (a.x + ((dot.step - a.step) / (b.step - a.step)) * (b.x - a.x))) < 0.01);
    assert.ok(Math.abs(dot.y - (a.y + ((dot.memory - a.memory) / (b.memory - a.memory)) * (b.y - a.y))) < 0.01);
  }
});

await check('the schedule drawn first is plan.json, operation by operation', async () => {
  const drawn = await page.evaluate(() => {
    const d = bigmacReport.drawing;
    return {first: d.first, ops: Array.from(d.start, (start, i) =>
      [d.ops.kind[i], d.modules[d.ops.module[i]].name, d.ops.microbatch[i], start, d.end[i]])};
  });
  const ops = plan.ranks.flatMap((rank) => rank.ops.map((op) => [op.op, op.module, op.microbatch, op.start_ns, op.end_ns]));
  assert.deepEqual(drawn.ops, ops);
});

await check('memory by kind adds up to what plan.json states for every rank', async () => {
  const peaks = await page.evaluate(() => bigmacReport.drawing.peak.map((peak) => peak.bytes));
  assert.deepEqual(peaks, plan.result.ranks.map((rank) => rank.memory.total_bytes));
});
await shoot('plan-light');

await check('a click on a dot shows its schedule', async () => {
  // Dots of plans alike may lie on one another: of those on top.
  await page.locator('.dot').first().scrollIntoViewIfNeeded();
  const onTop = await page.evaluate(() => [...document.querySelectorAll('.dot')].filter((dot) => {
    const box = dot.getBoundingClientRect();
    return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === dot;
  }).map((dot) => Number(dot.dataset.plan)));
  const seen = [...dots.keys()].filter((k) => onTop.includes(dots[k].index));
  assert.ok(seen.length > 4);
  for (const k of [seen[1], seen[Math.floor(seen.length / 2)], seen.at(-1)]) {
    await page.click(`.dot[data-plan="${dots[k].index}"]`);
    const shown = await page.evaluate(() => ({iteration: bigmacReport.drawing.iteration, ranks: bigmacReport.drawing.ranks,
      text: document.getElementById('subtitle').textContent}));
    const {iteration_ns, parallel, schedule} = pareto.front[k];
    assert.equal(shown.iteration, iteration_ns);
    assert.equal(shown.ranks, parallel.pp);
    assert.match(shown.text, new RegExp(`tp${parallel.tp} pp${parallel.pp}.*${schedule}`));
  }
});

// A plan with several ranks, so that rows can be told apart.
const wide = dots[pareto.front.findIndex((p) => p.parallel.pp >= 4)];

await check('each box that is wide enough has its colour', async () => {
  await page.click(`.dot[data-plan="${wide.index}"]`);
  await page.click('#warm');
  await settle(page);
  const wrong = await page.evaluate(() => {
    const {drawing, view, timelines: [timeline]} = bigmacReport, context = timeline.canvas.getContext('2d');
    const colourAt = (rank, time) => {
      const x = 64 + ((time - view.from) / view.span) * timeline.plotWidth + 1, y = 22 + rank * (timeline.row + timeline.gap) + 0.4 * timeline.row;
      return [...context.getImageData(Math.ceil(x * timeline.ratio), Math.round(y * timeline.ratio), 1, 1).data.slice(0, 3)];
    };
    const hex = (colour) => `#${colour.map((c) => c.toString(16).padStart(2, '0')).join('')}`;
    let looked = 0;
    const found = [];
    for (let rank = 0; rank < drawing.ranks; ++rank)
      for (let op = drawing.first[rank]; op < drawing.first[rank + 1] && drawing.end[op] < view.to; ++op) {
        const length = drawing.end[op] - drawing.start[op];
        if ((length / view.span) * timeline.plotWidth < 9) continue;
        const want = drawing.paints[drawing.paint[op]].colour, got = hex(colourAt(rank, drawing.start[op]));  // beside the number
        if (++looked && want !== got) found.push([rank, op, want, got]);
      }
    return {looked, found};
  });
  assert.ok(wrong.looked > 20, `only ${wrong.looked} boxes are wide enough to look at`);
  assert.deepEqual(wrong.found, []);
});

await check('buttons, keys and the wheel zoom, and the time under the pointer stays', async () => {
  await page.click('#fit');
  const whole = await span(page);
  await page.click('#zoom-in');
  await page.keyboard.press('+');
  const closer = await span(page);
  assert.ok(Math.abs((closer.to - closer.from) / (whole.to - whole.from) - 0.49) < 1e-6);
  const box = await timelineBox(page);
  const timeUnder = () => page.evaluate((x) => bigmacReport.timelines[0].timeAt(x), 500);
  await page.mouse.move(box.x + 500, box.y + 40);
  const before = await timeUnder();
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -200);
  await page.keyboard.up('Control');
  await page.waitForFunction((was) => bigmacReport.view.span < 0.9 * was, closer.to - closer.from);
  assert.ok(Math.abs((await timeUnder()) - before) < 1e-3 * (closer.to - closer.from));
  await page.keyboard.press('0');
  assert.deepEqual(await span(page), whole);
});

await check('a drag pans, and arrows on the timeline do', async () => {
  await page.click('#warm');
  const start = await span(page), box = await timelineBox(page);
  await page.mouse.move(box.x + 700, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 500, box.y + 40, {steps: 4});
  await page.mouse.up();
  const dragged = await span(page);
  assert.ok(dragged.from > start.from && Math.abs(dragged.to - dragged.from - (start.to - start.from)) < 1);
  await page.locator('canvas.timeline').first().focus();
  await page.keyboard.press('ArrowRight');
  assert.ok((await span(page)).from > dragged.from);
});

await check('a shifted click compares two plans, with their difference', async () => {
  const other = dots[dots.length - 2];
  await page.click(`.dot[data-plan="${other.index}"]`, {modifiers: ['Shift']});
  assert.equal(await page.locator('canvas.timeline').count(), 2);
  const wanted = other.step - wide.step;
  const text = await page.locator('.difference tbody tr').first().locator('.by').textContent();
  const [, sign, number, unit] = text.match(/^([+\u2212]?)([\d.]+) (s|ms)/);
  const shown = (sign === '+' ? 1 : -1) * Number(number) * {s: 1e9, ms: 1e6}[unit];
  assert.ok(Math.abs(shown - wanted) <= 1e6, `${text} is not ${wanted} ns`);
  await shoot('plan-compare');
  await page.selectOption('#compare', '');
  assert.equal(await page.locator('canvas.timeline').count(), 1);
});

await check('columns sort both ways', async () => {
  const column = async () => (await page.$$eval('#plans-table tbody tr td:nth-child(6)', (cells) => cells.map((c) => parseFloat(c.textContent))));
  const head = page.locator('#plans-table th:nth-child(6) button');
  await head.click();
  const up = await column();
  assert.deepEqual(up, [...up].sort((a, b) => a - b));
  await head.click();
  assert.deepEqual(await column(), [...up].reverse());
});

await check('the keyboard alone reaches a plan', async () => {
  await page.locator(`.dot[data-plan="${dots[0].index}"]`).focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => bigmacReport.drawing.iteration), pareto.front[0].iteration_ns);
});

await check('dark is dark, and a print is light', async () => {
  await page.emulateMedia({colorScheme: 'dark'});
  await settle(page);
  await shoot('plan-dark');
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)[0]);
  assert.ok((await back()) < 60);
  await page.pdf({path: join(pictures, 'plan-print.pdf'), preferCSSPageSize: true, printBackground: true});
  await page.emulateMedia({colorScheme: 'light'});
  assert.ok((await back()) > 200);
});

await check('nothing was complained about and nothing was fetched', () => assert.deepEqual(complaints, []));
await browser.close();
