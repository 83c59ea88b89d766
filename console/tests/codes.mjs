import { api, until } from './lib.mjs'

const service = '/verify/v2/Services'

/** Begins a verification and answers it with the code that the handset received. */
export async function verified(To, approve = true) {
  const made = await api('POST', service, { FriendlyName: 'Console' })
  const path = `${service}/${made.sid}`
  await api('POST', `${path}/Verifications`, { To, Channel: 'sms' })
  const text = await until('the code', async () => {
    const { messages } = await api('GET', `/dev/handsets/${To}/messages`)
    return messages.at(-1)?.body
  })
  const [Code] = /\d{6}/.exec(text)
  if (approve) await api('POST', `${path}/VerificationCheck`, { To, Code })
  return path
}
