// Opens a report in headless Chromium and watches what it must not do.
import {chromium} from 'playwright-core';
import assert from 'node:assert/strict';
import {pathToFileURL} from 'node:url';

export const launch = () => chromium.launch({executablePath: process.env.CHROMIUM, args: ['--no-sandbox']});

/** A page with `file` drawn. `complaints` collects console errors, exceptions and requests beyond the file itself. */
export async function openReport(browser, file, options = {}) {
  const page = await browser.newPage({viewport: {width: 1400, height: 900}, ...options});
  const complaints = [], url = pathToFileURL(file).href;
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => request.url() !== url && complaints.push(`request for ${request.url()}`));
  await page.goto(url);
  await page.waitForFunction(() => performance.getEntriesByName('bigmac-drawn').length > 0);
  return {page, complaints};
}

/** Lets what was asked for be drawn. */
export const settle = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Where the first timeline lies, once it has been scrolled to. */
export async function timelineBox(page) {
  await page.locator('canvas.timeline').first().scrollIntoViewIfNeeded();
  return page.locator('canvas.timeline').first().boundingBox();
}

export const span = (page) => page.evaluate(() => ({from: bigmacReport.view.from, to: bigmacReport.view.to}));

/** Checks run one after the other and are named as they pass. */
export async function check(name, body) {
  try {
    await body();
  } catch (error) {
    console.error(`FAIL: ${name}`);
    throw error;
  }
  console.log(`ok: ${name}`);
}

export {assert};
