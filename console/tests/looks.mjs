import { verified } from './codes.mjs'
import { accessible, api, fits, hook, other, picture, send, sid, until, visit } from './lib.mjs'

const stories = [
  'Your table for four is booked: Friday, 19:30. Answer C to cancel.',
  'Your code is 418 203. It lasts ten minutes.',
  'The parcel is two stops away.',
]

async function places() {
  const endpoint = await hook()
  for (const Body of stories) await send({ Body })
  await send({ To: other, Body: stories[2] ?? '' })
  await verified('+447772000931')
  await verified('+15558675931', false)
  const last = await send({ Body: stories[0] ?? '', StatusCallback: endpoint.url })
  await until('its webhooks', () => endpoint.heard.length === 2)
  endpoint.close()
  const numbers = await api('GET', `/2010-04-01/Accounts/${sid}/IncomingPhoneNumbers.json`)
  const [number] = numbers.incoming_phone_numbers
  // Each place with what is there once it has been read.
  return {
    handsets: ['/handsets', '[role="log"] .bubble'],
    messages: ['/messages', 'a[href^="#/messages/"]'],
    message: [`/messages/${last.sid}`, 'details'],
    alerts: ['/alerts', 'main .card'],
    webhooks: ['/webhooks', 'main details'],
    carriers: ['/carriers', 'main svg'],
    usage: ['/usage', 'main svg'],
    audit: ['/audit', 'main details'],
    verify: ['/verify', 'main table'],
    guard: ['/verify/guard', 'main table'],
    lookup: ['/lookup', 'main form'],
    known: ['/lookup/%2B447772000931', 'main dl'],
    numbers: ['/r/IncomingPhoneNumbers', 'tbody a'],
    number: [`/r/IncomingPhoneNumbers/${number.sid}`, 'main dl'],
    application: ['/r/Applications/new', 'main form'],
    addresses: ['/r/Addresses', 'main .card'],
    missing: ['/nowhere', 'h1'],
  }
}

async function show(page, [place, sign]) {
  await visit(page, place)
  await page.locator(sign).first().waitFor()
  // What moves has come to rest: colours half faded in are nobody's colours.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)))
}

/** Every page in light, dark and narrow: clean by axe, and no wider than its window. */
export async function looksRight(page) {
  const all = await places()
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme })
    for (const [name, place] of Object.entries(all)) {
      await show(page, place)
      await accessible(page, `${name}, ${scheme}`)
      await fits(page, `${name}, ${scheme}`)
      await picture(page, `${name}-${scheme}`)
    }
  }
  await page.emulateMedia({ colorScheme: null })
  await page.setViewportSize({ width: 360, height: 740 })
  for (const [name, place] of Object.entries(all)) {
    await show(page, place)
    await accessible(page, `${name}, narrow`)
    await fits(page, `${name}, narrow`)
    await picture(page, `${name}-narrow`)
  }
}
looksRight.allows = [404]

/** What opens over the page is as clean as the page. */
export async function opensCleanly(page) {
  await visit(page, '/handsets')
  await page.keyboard.press('Control+k')
  await page.getByRole('listbox').waitFor()
  await accessible(page, 'palette')
  await page.keyboard.press('Escape')
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await accessible(page, 'keys')
  await picture(page, 'keys')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: /^Account/ }).click()
  await page.getByRole('group', { name: 'Account' }).waitFor()
  await accessible(page, 'account')
  await picture(page, 'account')
  await page.setViewportSize({ width: 360, height: 740 })
  await page.reload()
  await page.getByRole('button', { name: 'Menu' }).click()
  await page.getByRole('navigation').getByRole('link', { name: 'Alerts' }).waitFor()
  await accessible(page, 'menu')
  await picture(page, 'menu-narrow')
  await page.getByRole('navigation').getByRole('link', { name: 'Alerts' }).click()
  await page.getByRole('heading', { name: 'Alerts' }).waitFor()
  await fits(page, 'alerts')
}

/** The switch goes from the system's wish to light to dark, and is remembered. */
export async function remembersTheTheme(page) {
  await visit(page, '/alerts')
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme ?? 'system')
  for (const wanted of ['light', 'dark']) {
    await page.keyboard.press('t')
    await until(wanted, async () => (await theme()) === wanted)
  }
  await page.reload()
  await page.locator('h1').waitFor()
  await until('dark again', async () => (await theme()) === 'dark')
  await page.keyboard.press('t')
  await until('system', async () => (await theme()) === 'system')
}
