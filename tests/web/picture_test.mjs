// Text in pictures: no two texts meet and numbers stay inside their boxes, by the boxes that Chromium gives them.
// Usage: node picture_test.mjs PICTURE.svg...
import {readFileSync} from 'node:fs';
import {basename} from 'node:path';
import {assert, check, launch} from './page.mjs';

const browser = await launch();
const page = await browser.newPage({viewport: {width: 1600, height: 900}});
for (const file of process.argv.slice(2))
  await check(`texts of ${basename(file)} keep apart`, async () => {
    await page.setContent(`<body style="margin:0">${readFileSync(file, 'utf8')}</body>`);
    const found = await page.evaluate(() => {
      const texts = [...document.querySelectorAll('text')].map((node) => {
        const {left, right, top, bottom} = node.getBoundingClientRect();
        // A line's box has room above and below its digits; letters themselves are 70 % of it.
        const room = 0.15 * (bottom - top);
        return {text: node.textContent, left, right, top: top + room, bottom: bottom - room, number: node.parentNode.classList.contains('num')};
      });
      const boxes = [...document.querySelectorAll('rect[class]')].map((node) => node.getBoundingClientRect());
      const picture = document.querySelector('svg').getBoundingClientRect();
      const problems = [];
      texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
        if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) problems.push(`'${a.text}' meets '${b.text}'`);
      }));
      for (const a of texts) {
        if (a.left < picture.left || a.right > picture.right || a.bottom > picture.bottom) problems.push(`'${a.text}' leaves the picture`);
        if (a.number && !boxes.some((b) => b.left <= a.left && a.right <= b.right && b.top <= a.top && a.bottom <= b.bottom))
          problems.push(`'${a.text}' leaves its box`);
      }
      return {problems, texts: texts.length, numbers: texts.filter((text) => text.number).length};
    });
    console.log(`    ${found.texts} texts, ${found.numbers} of them numbers in boxes`);
    assert.ok(found.texts > 5);
    assert.deepEqual(found.problems, []);
  });
await browser.close();
