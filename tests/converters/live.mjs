// Reads {"markdown", "hasImage", "hasAddress"}, an object a line, and prints for each what is alive in it by the letter of CommonMark: null for
// nothing. The page tells whether it shows the one image, and whether it links an address of mail.
import { createInterface } from 'node:readline';
import { Parser } from 'commonmark';

const HONEST = process.argv[2];
const parser = new Parser();

function problemOf({ markdown, hasImage, hasAddress }) {
  const walker = parser.parse(markdown).walker();
  for (let event = walker.next(); event; event = walker.next()) {
    const { node, entering } = event;
    if (!entering) {
      continue;
    }
    if (node.type === 'html_block') {
      return `a block of HTML: ${node.literal}`;
    }
    if (node.type === 'html_inline' && !/^<\/?su[pb]>$/.test(node.literal)) {
      return `HTML: ${node.literal}`;
    }
    if (node.type === 'image' && !(hasImage && node.destination === HONEST)) {
      return `an image: ${node.destination}`;
    }
    if (node.type === 'link' && node.destination !== HONEST && !(hasAddress && node.destination.startsWith('mailto:'))) {
      return `a link: ${node.destination}`;
    }
  }
  return null;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(problemOf(JSON.parse(line)))}\n`);
}
