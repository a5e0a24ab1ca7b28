// Bundles src/ into dist/report.html: one file, no reference to anything outside it.
import {build} from 'esbuild';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';

const bundle = async (entry, more) =>
  (await build({entryPoints: [entry], bundle: true, minify: true, write: false, charset: 'ascii', ...more}))
    .outputFiles[0].text.trim();

const script = await bundle('src/main.js', {format: 'iife', target: 'es2020', legalComments: 'inline'});
const style = await bundle('src/style.css', {});
// A replacement function, because "$&" in a bundle is no pattern. Markup inside a script would end it.
const page = readFileSync('src/page.html', 'utf8')
  .replace('/*style*/', () => style)
  .replace('/*script*/', () => script.replaceAll('</script', '<\\/script'));
if (!page.includes('<!--bigmac-data-->')) throw new Error('src/page.html has no place for the data');
mkdirSync('dist', {recursive: true});
writeFileSync('dist/report.html', page);
