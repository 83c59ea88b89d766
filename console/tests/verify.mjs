import assert from 'node:assert/strict'
import { verified } from './codes.mjs'
import { api, picture, until, visit } from './lib.mjs'

/** Attempts appear as they go on; the funnel counts them by country and channel. */
export async function countsCodes(page) {
  await verified('+447772000901')
  await visit(page, '/verify')
  const rows = page.getByRole('table', { name: 'By country and channel' }).getByRole('row')
  const british = rows.filter({ hasText: 'United Kingdom' }).filter({ hasText: 'sms' })
  await british.waitFor()
  const counts = async () => (await british.getByRole('cell').allInnerTexts()).slice(1).map((text) => Number.parseInt(text, 10))
  const before = await counts()
  assert(before[0] >= before[1] && before[1] >= before[2] && before[2] > 0, `${before}`)
  const list = page.getByRole('table', { name: 'Attempts' })
  await list.getByRole('row').filter({ hasText: '+447772000901' }).getByText('approved').first().waitFor()
  await verified('+447772000902', false)
  await list.getByRole('row').filter({ hasText: '+447772000902' }).getByText('delivered').waitFor()
  await until('one more', async () => {
    const now = await counts()
    return now[0] === before[0] + 1 && now[1] === before[1] + 1 && now[2] === before[2]
  })
  await page.getByLabel('Outcome').selectOption('converted')
  await list.getByText('+447772000902').waitFor({ state: 'detached' })
  await page.getByLabel('To', { exact: true }).fill('+15550000000')
  await page.getByLabel('To', { exact: true }).press('Enter')
  await page.getByText('No attempt is like that').waitFor()
  await picture(page, 'verify-none')
}

/** Each decision of the guard stands with its rule, and leads to what is known of the number. */
export async function tellsWhoDecided(page) {
  const path = await verified('+447772000911')
  await api('POST', path, { CountriesDenied: 'FR' })
  await assert.rejects(api('POST', `${path}/Verifications`, { To: '+33639980911', Channel: 'sms' }), /60605/)
  await visit(page, '/verify/guard')
  const list = page.getByRole('table', { name: 'Decisions' })
  const refused = list.getByRole('row').filter({ hasText: '+33639980911' }).first()
  await refused.getByText('blocked').waitFor()
  await refused.getByText('country_denied').waitFor()
  await page.getByLabel('Rule').selectOption('fits')
  await refused.waitFor({ state: 'detached' })
  await list.getByRole('link', { name: '+447772000911' }).first().click()
  await page.getByRole('heading', { name: '07772 000911' }).waitFor()
}

/** All that is known of a number is on its page; it grows with what is sent. */
export async function knowsANumber(page) {
  const number = '+447772000921'
  await visit(page, '/lookup')
  await page.getByLabel('What is known of a number?').fill(number)
  await page.getByRole('button', { name: 'Show', exact: true }).click()
  const card = (name) => page.getByRole('region', { name })
  await card('Number').getByText('United Kingdom').waitFor()
  await card('Number').getByText('mobile').waitFor()
  await card('Messages').getByText('None of yours').waitFor()
  await verified(number)
  await api('GET', `/lookups/v2/PhoneNumbers/${number}?Fields=sms_pumping_risk`)
  await until('the receipt', async () => {
    const known = await api('GET', `/trunkline/v1/Lookup/Numbers/${number}`)
    return known.messages?.delivered
  })
  await page.reload()
  await card('Messages').getByText('Delivered', { exact: true }).waitFor()
  await card('Look-ups').getByText('sms pumping risk').waitFor()
  await card('Receipts').getByText('reachable', { exact: true }).waitFor()
  await visit(page, '/lookup/%2B1555')
  await page.getByText('It has too few digits').waitFor()
  await picture(page, 'lookup-invalid')
}
