import type { Resource } from './types'

/** What a snippet sends, and where. */
export interface Sample {
  base: string
  sid: string
  token: string
  from: string
  to: string
  body: string
}

/** A piece of code and what it is, for its colour. */
export interface Piece {
  text: string
  is: 'word' | 'text' | 'plain'
}

/** The languages that the console teaches. */
export const languages = ['Python', 'Node', 'curl'] as const
export type Language = (typeof languages)[number]

/** Stands for the token until somebody asks for it. */
export const MASK = '••••••••••••••••'

const shell = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** A program that sends one text. */
export function snippet(language: Language, sample: Sample): string {
  const { base, sid, token, from, to } = sample
  const body = JSON.stringify(sample.body)
  if (language === 'Python') {
    return `# pip install twilio
from twilio.rest import Client

client = Client(
    "${sid}",
    "${token}",
)
client.api.base_url = "${base}"
client.messages.create(
    from_="${from}",
    to="${to}",
    body=${body},
)`
  }
  if (language === 'Node') {
    return `// npm install twilio
const twilio = require("twilio");

const client = twilio(
  "${sid}",
  "${token}",
);
client.api.baseUrl = "${base}";
client.messages.create({
  from: "${from}",
  to: "${to}",
  body: ${body},
});`
  }
  return `curl -u ${sid}:${token} \\
  ${base}/2010-04-01/Accounts/${sid}/Messages.json \\
  --data-urlencode From=${from} \\
  --data-urlencode To=${to} \\
  --data-urlencode Body=${shell(sample.body)}`
}

/** A command that makes one object of a declared resource. */
export function curlCreate(resource: Resource, base: string, sid: string, token: string): string {
  const path = resource.path.replace('{AccountSid}', sid) + (resource.paging === '2010' ? '.json' : '')
  const settable = resource.fields.filter(({ create }) => create)
  const needed = settable.filter(({ required }) => required)
  const lines = (needed.length ? needed : settable.slice(0, 1)).map(
    ({ name }) => ` \\\n  --data-urlencode '${name}=…'`,
  )
  return `curl -u ${sid}:${token} \\\n  ${base}${path}${lines.join('')}`
}

const SHAPES = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(^(?:#|\/\/).*$|\b(?:from|import|const|require|curl)\b(?!:))/gm

/** Code cut into pieces for colouring; together they are exactly the code. */
export function pieces(code: string): Piece[] {
  const found: Piece[] = []
  let end = 0
  for (const hit of code.matchAll(SHAPES)) {
    if (hit.index > end) found.push({ text: code.slice(end, hit.index), is: 'plain' })
    found.push({ text: hit[0], is: hit[1] ? 'text' : 'word' })
    end = hit.index + hit[0].length
  }
  found.push({ text: code.slice(end), is: 'plain' })
  return found
}
