import assert from 'node:assert/strict'
import { accessible, api, fits, own, picture, sid, until, visit } from './lib.mjs'

const caller = '+15558675310'
const calls = `/dev/handsets/${caller}/calls`

async function look(page, name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.evaluate(() => {
      for (const one of document.getAnimations()) if (one.effect?.getTiming().iterations === Infinity) one.cancel()
      return Promise.allSettled(document.getAnimations().map(({ finished }) => finished))
    })
    await accessible(page, `${name}, ${scheme}`)
    await picture(page, `${name}-${scheme}`)
  }
  await page.emulateMedia({ colorScheme: null })
  await page.setViewportSize({ width: 360, height: 740 })
  await fits(page, `${name}, narrow`)
  await accessible(page, `${name}, narrow`)
  await picture(page, `${name}-narrow`)
  await page.setViewportSize({ width: 1440, height: 900 })
}

/** A phone rings, is answered, takes keys, and what it heard is played; the call has its page. */
export async function callsOnThePhones(page) {
  await visit(page, '/handsets')
  const panel = page.getByRole('region', { name: `Calls of ${caller}` })
  await panel.getByRole('button', { name: 'Call', exact: true }).waitFor()
  const Twiml = '<Response><Gather numDigits="1" timeout="30"><Say>press one</Say></Gather></Response>'
  const made = await api('POST', `/2010-04-01/Accounts/${sid}/Calls.json`, { To: caller, From: own, Twiml, Record: 'true' })
  await panel.getByRole('button', { name: 'Answer' }).waitFor()
  await look(page, 'handset-rings')
  await panel.getByRole('button', { name: 'Answer' }).click()
  await panel.getByRole('button', { name: 'Key 1' }).waitFor()
  await look(page, 'handset-talks')
  await until('something is heard', async () => (await api('GET', calls)).calls.at(-1).heard_ms > 1500)
  await panel.getByRole('button', { name: 'Key 1' }).click()
  const heard = panel.getByRole('button', { name: 'Listen' })
  await heard.click()
  const sound = panel.locator('audio')
  await sound.waitFor()
  await until('its length is known', () => sound.evaluate((one) => one.duration > 1))
  await look(page, 'handset-heard')
  await panel.getByRole('link', { name: own }).click()
  await page.getByRole('heading', { name: `Call to ${caller}` }).waitFor()
  const story = page.getByRole('list', { name: 'Timeline' })
  for (const step of ['Waits for its turn', 'Placed', 'Rings', 'Answered', 'Over']) {
    await story.getByText(step, { exact: true }).waitFor()
  }
  const recording = page.getByRole('region', { name: 'Recording' }).locator('audio')
  await until('the recording can be played', () => recording.evaluate((one) => one.duration > 1))
  await page.getByRole('img', { name: /^Waveform of/ }).waitFor()
  await page.getByRole('heading', { name: 'Quality' }).waitFor()
  const ladder = page.getByRole('list', { name: 'SIP' })
  for (const message of ['INVITE', '200 OK', 'ACK', 'BYE']) {
    await ladder.getByText(message, { exact: true }).first().waitFor()
  }
  await ladder.getByText('INVITE', { exact: true }).click()
  await ladder.getByText('Call-ID').first().waitFor()
  await look(page, 'call')
  assert.match(page.url(), new RegExp(`#/calls/${made.sid}$`))
}

/** A phone calls a number that has no address to ask; the list of calls tells of it. */
export async function callsFromAPhone(page) {
  await visit(page, '/handsets')
  const panel = page.getByRole('region', { name: `Calls of ${caller}` })
  await panel.getByRole('button', { name: 'Call', exact: true }).click()
  await panel.getByRole('combobox').selectOption(own)
  await panel.getByRole('button', { name: 'Call', exact: true }).click()
  await panel.getByText('rejected').waitFor()
  await visit(page, '/calls')
  await page.getByRole('row').filter({ hasText: 'Inbound' }).first().waitFor()
  await look(page, 'calls')
}
