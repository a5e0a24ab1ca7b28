// A page of 100,000 operations: how soon it is drawn, and how many frames a second it pans. Usage: node large_page_test.mjs PAGE SCREENSHOTS
import {cpus, loadavg} from 'node:os';
import {join} from 'node:path';
import {assert, check, launch, openReport, settle, timelineBox} from './page.mjs';

const [file, pictures] = process.argv.slice(2);
const kFirstPaint = 2000, kFrames = 30;

/** Frames a second that the timeline draws while the pointer drags it to and fro. */
async function panRate(page) {
  const box = await timelineBox(page);
  const counted = () => page.evaluate(() => ({frames: bigmacReport.timelines[0].frames, now: performance.now()}));
  await page.mouse.move(box.x + 700, box.y + 200);
  await page.mouse.down();
  const start = await counted();
  for (let i = 0, until = Date.now() + 1500; Date.now() < until; ++i)
    await page.mouse.move(box.x + 700 + 300 * Math.sin(i / 12), box.y + 200);
  const end = await counted();
  await page.mouse.up();
  return (1000 * (end.frames - start.frames)) / (end.now - start.now);
}

const browser = await launch();
const {page, complaints} = await openReport(browser, file);
await check('100,000 operations are drawn within two seconds', async () => {
  const {drawn, painted, count} = await page.evaluate(() => ({
    drawn: performance.getEntriesByName('bigmac-drawn')[0].startTime, count: bigmacReport.drawing.count,
    painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0}));
  console.log(`    ${count} operations drawn after ${drawn.toFixed(0)} ms, first paint after ${painted.toFixed(0)} ms`);
  assert.ok(count > 99_000);
  assert.ok(Math.max(drawn, painted) < kFirstPaint);
});
await page.locator('#schedule').scrollIntoViewIfNeeded();
await settle(page);
for (const [name, zoom] of [['most of it on show', 0.8], ['a tenth on show', 0.1], ['boxes with numbers', 0.01]])
  await check(`panning with ${name} keeps ${kFrames} frames a second`, async () => {
    await page.evaluate((share) => { bigmacReport.whole(); bigmacReport.view.zoom(share); }, zoom);
    await settle(page);
    // Other processes may take the machine for a while: the best of six counts.
    const rates = [];
    while (rates.length < 6 && !(Math.max(0, ...rates) >= kFrames)) rates.push(await panRate(page));
    console.log(`    ${rates.map((rate) => rate.toFixed(0)).join(', ')} frames a second, load ${loadavg()[0].toFixed(1)} on ${cpus().length} cores`);
    assert.ok(Math.max(...rates) >= kFrames);
  });
await page.screenshot({path: join(pictures, 'large-zoomed.png')});
await page.evaluate(() => bigmacReport.whole());
await settle(page);
await page.screenshot({path: join(pictures, 'large.png'), fullPage: true});
await check('nothing was complained about and nothing was fetched', () => assert.deepEqual(complaints, []));
await browser.close();
