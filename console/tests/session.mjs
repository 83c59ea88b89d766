import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { base, messages, picture, sid, token, visit, accessible, fits } from './lib.mjs'

/** Signing in by Account SID and Auth Token, its refusal, and signing out. */
export async function signsInAndOut(page, context) {
  const cookies = await context.cookies()
  await context.clearCookies()
  await page.goto(`${base}/console/`)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme })
    await accessible(page, `sign-in, ${scheme}`)
    await picture(page, `sign-in-${scheme}`)
  }
  await page.emulateMedia({ colorScheme: null })
  await page.setViewportSize({ width: 360, height: 740 })
  await fits(page, 'sign-in')
  await picture(page, 'sign-in-narrow')
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.getByLabel('Address or Account SID').fill(sid)
  await page.getByLabel('Password or Auth Token').fill('wrong')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').waitFor()
  await page.getByLabel('Password or Auth Token').fill(token)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Handsets' }).waitFor()
  await page.getByRole('button', { name: /^Account/ }).click()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await context.addCookies(cookies)
}
signsInAndOut.allows = [401]

/** A link that was used says so. */
export async function saysThatALinkIsUsed(page, context) {
  const cookies = await context.cookies()
  await context.clearCookies()
  await visit(page, '/sign-in?expired=1')
  await page.getByText('That link was used already').waitFor()
  await context.addCookies(cookies)
}
saysThatALinkIsUsed.allows = [401]

/** A change without the session's mark is refused, wherever it comes from. */
export async function refusesChangesWithoutTheMark(page) {
  await visit(page, '/handsets')
  const status = await page.evaluate(async (account) => {
    const answer = await fetch(`/2010-04-01/Accounts/${account}/Messages.json`, {
      method: 'POST',
      body: new URLSearchParams({ To: '+15558675310', From: '+15550001111', Body: 'forged' }),
    })
    return answer.status
  }, sid)
  assert(status === 401 || status === 403, `answered ${status}`)
  const mark = await page.evaluate(async () => {
    const { csrf } = await (await fetch('/console/session')).json()
    const answer = await fetch('/dev/faults', {
      method: 'POST',
      headers: { 'X-Trunkline-Csrf': `${csrf}x` },
      body: new URLSearchParams({ effect: 'down', prefix: '+1999' }),
    })
    return answer.status
  })
  assert(mark === 401 || mark === 403, `a wrong mark was answered ${mark}`)
}
refusesChangesWithoutTheMark.allows = [401, 403]

/** A form on another site, sent with the reader's own cookie, is refused. */
export async function refusesOtherSites(page) {
  // Another port is another origin but the same site: SameSite alone would let the cookie through.
  const site = createServer((_, answer) => {
    answer.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>Trap</title>
      <form method="post" action="${base}/2010-04-01/Accounts/${sid}/Messages.json">
      <input name="To" value="+15558675310"><input name="From" value="+15550001111">
      <input name="Body" value="forged by a site"><button>Win</button></form>`)
  })
  await new Promise((open) => site.listen(0, '127.0.0.1', open))
  try {
    await page.goto(`http://127.0.0.1:${site.address().port}/`)
    const [answer] = await Promise.all([
      page.waitForResponse((one) => one.url().includes('/Messages.json')),
      page.getByRole('button', { name: 'Win' }).click(),
    ])
    assert([401, 403].includes(answer.status()), `answered ${answer.status()}`)
    const found = (await messages({ To: '+15558675310' })).messages
    assert(!found.some(({ body }) => body.startsWith('forged')), 'nothing was sent')
  } finally {
    site.close()
  }
}
refusesOtherSites.allows = [401, 403, 404]

/** The policy that the page runs under is the strict one. */
export async function runsUnderAStrictPolicy() {
  const answer = await fetch(`${base}/console/`)
  const policy = answer.headers.get('content-security-policy') ?? ''
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) {
    assert(policy.includes(part), `${part} is missing in: ${policy}`)
  }
  assert(!policy.includes('unsafe'), policy)
}

/** A cut stream says so, and mends itself when it can. */
export async function saysWhenTheStreamIsCut(page) {
  let cut = true
  await page.route('**/console/events', (route) => (cut ? route.abort() : route.continue()))
  await visit(page, '/messages')
  await page.getByText('Reconnecting').waitFor()
  await page.getByText('Down', { exact: true }).waitFor()
  await picture(page, 'stream-down')
  cut = false
  await page.getByText('Live', { exact: true }).waitFor()
  page.faults.length = 0
}
