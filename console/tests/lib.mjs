import assert from 'node:assert/strict'
import { readFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const need = (name) => process.env[name] ?? assert.fail(`set ${name}`)

/** The installation under test. */
export const base = need('TRUNKLINE_URL').replace(/\/$/, '')
export const login = need('TRUNKLINE_LOGIN')
export const sid = need('TRUNKLINE_ACCOUNT_SID')
export const token = need('TRUNKLINE_AUTH_TOKEN')
export const own = '+15550001111'
export const phone = '+15558675310'
export const other = '+15558675311'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const account = `/2010-04-01/Accounts/${sid}`
const authorization = `Basic ${Buffer.from(`${sid}:${token}`).toString('base64')}`

/** Calls the API as an SDK would. */
export async function api(method, path, form) {
  const answer = await fetch(base + path, {
    method,
    headers: { authorization },
    body: form && new URLSearchParams(form),
  })
  const text = await answer.text()
  assert(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
  return text && JSON.parse(text)
}

export const send = (form) =>
  api('POST', `${account}/Messages.json`, { From: own, To: phone, ...form })

export const message = (one) => api('GET', `${account}/Messages/${one}.json`)

export const messages = (query) =>
  api('GET', `${account}/Messages.json?${new URLSearchParams(query)}`)

/** Asks until the answer satisfies; fails after ten seconds. */
export async function until(what, ask) {
  const end = Date.now() + 10_000
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    assert(Date.now() < end, `never came: ${what}`)
    await new Promise((again) => setTimeout(again, 25))
  }
}

/** An endpoint that hears webhooks and answers with `status`. */
export async function hook(status = 200) {
  const heard = []
  const server = createServer(async (request, answer) => {
    let body = ''
    for await (const chunk of request) body += chunk
    heard.push({
      url: request.url,
      signature: request.headers['x-twilio-signature'],
      form: Object.fromEntries(new URLSearchParams(body)),
    })
    answer.writeHead(status, { 'content-type': 'text/plain' }).end(status === 200 ? 'ok' : 'bad signature')
  })
  await new Promise((open) => server.listen(0, '127.0.0.1', open))
  const url = `http://127.0.0.1:${server.address().port}/status`
  return { url, heard, close: () => server.close() }
}

/** A browser with an empty profile. */
export async function browser() {
  const profile = mkdtempSync(join(tmpdir(), 'console-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    viewport: { width: 1440, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  })
  context.setDefaultTimeout(10_000)
  return {
    context,
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}

/** A page whose errors and policy violations are kept; `allowed` are statuses that a scene wants. */
export async function open(context, allowed = []) {
  const page = await context.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(`error: ${error.stack ?? error}`))
  page.on('console', (line) => {
    if (!['error', 'warning'].includes(line.type())) return
    const refused = /status of (\d+)/.exec(line.text())
    if (!refused || !allowed.includes(Number(refused[1]))) faults.push(`console: ${line.text()}`)
  })
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`),
    )
  })
  page.faults = faults
  return page
}

/** Goes to a place of the console and waits for its heading. */
export async function visit(page, place) {
  await page.goto(`${base}/console/#${place}`)
  await page.locator('h1').waitFor()
}

/** Fails on anything that axe finds. */
export async function accessible(page, where) {
  // Through the debugger's door: the page's own policy forbids added scripts.
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }))
  const told = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)}\n    ${failureSummary}`),
  )
  assert.equal(told.length, 0, `axe on ${where}:\n  ${told.join('\n  ')}`)
}

/** Fails when the page is wider than its window. */
export async function fits(page, where) {
  const [wide, room] = await page.evaluate(() => [
    Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('main')].map((one) => one.scrollWidth)),
    document.documentElement.clientWidth,
  ])
  assert(wide <= room, `${where} is ${wide} px wide in ${room}`)
}

/** Keeps a picture when a folder for them is given. */
export async function picture(page, name) {
  const folder = process.env.SCREENSHOTS
  if (!folder) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}
