// Reads Markdown, a JSON string a line, and prints for each what is alive in it by the letter of CommonMark: null for nothing.
import { createInterface } from 'node:readline';
import { Parser } from 'commonmark';

const HONEST = process.argv[2];
const parser = new Parser();

function problemOf(markdown) {
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
    if ((node.type === 'link' || node.type === 'image') && node.destination !== HONEST && !node.destination.startsWith('mailto:')) {
      return `a ${node.type}: ${node.destination}`;
    }
  }
  return null;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(problemOf(JSON.parse(line)))}\n`);
}
