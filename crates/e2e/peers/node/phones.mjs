// What the scenarios of calls share: handsets that call, answer, press keys and listen; tones.
import assert from 'node:assert/strict';
import { ACCOUNT_SID, AUTH_TOKEN, BASE_URL, dev, waitFor } from './peer.mjs';

const RATE = 8000;
const AUTHORIZATION = `Basic ${Buffer.from(`${ACCOUNT_SID}:${AUTH_TOKEN}`).toString('base64')}`;

export async function calls(number) {
  return (await dev('GET', `/handsets/${number}/calls`)).calls;
}

export function phone(number, form) {
  return dev('POST', `/handsets/${number}/calls`, form);
}

/** Waits until the newest call of a handset is in a state. */
export function live(number, state = 'answered') {
  return waitFor(`${number} to be ${state}`, async () => {
    const newest = (await calls(number)).at(-1);
    return newest?.state === state && newest;
  });
}

export async function play(number, wav) {
  const headers = { authorization: AUTHORIZATION, 'content-type': 'audio/wav' };
  const url = `${BASE_URL}/dev/handsets/${number}/calls?action=play`;
  assert.equal((await fetch(url, { method: 'POST', body: wav, headers })).status, 200);
}

/** The samples of a WAV file of one channel, or of its first one. */
export function samples(wav) {
  const channels = wav.readUInt16LE(22);
  const data = wav.subarray(wav.indexOf('data') + 8);
  const found = [];
  for (let at = 0; at + 1 < data.length; at += 2 * channels) found.push(data.readInt16LE(at));
  return found;
}

export async function got(url) {
  const answer = await fetch(url, { headers: { authorization: AUTHORIZATION } });
  assert.equal(answer.status, 200, url);
  return Buffer.from(await answer.arrayBuffer());
}

export async function heard(number) {
  const newest = (await calls(number)).at(-1);
  return samples(await got(`${BASE_URL}/dev/handsets/${number}/calls/${newest.id}/audio`));
}

export function tone(hertz, seconds) {
  const count = RATE * seconds;
  const file = Buffer.alloc(44 + 2 * count);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + 2 * count, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(RATE, 24);
  file.writeUInt32LE(2 * RATE, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(2 * count, 40);
  for (let at = 0; at < count; at += 1) {
    file.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * hertz * at) / RATE)), 44 + 2 * at);
  }
  return file;
}

/** Goertzel: how much of a part's energy is this tone, from 0 to 1. */
export function power(part, hertz) {
  const total = part.reduce((sum, value) => sum + value * value, 0);
  if (total < 200 * 200 * part.length) return 0;
  const turn = 2 * Math.cos((2 * Math.PI * hertz) / RATE);
  let [one, two] = [0, 0];
  for (const value of part) [one, two] = [value + turn * one - two, one];
  return (2 * (one * one + two * two - turn * one * two)) / (total * part.length);
}

/** For how long a tone is all that is heard. */
export function toneMs(audio, hertz) {
  let ms = 0;
  for (let at = 0; at + 400 <= audio.length; at += 400) {
    if (power(audio.slice(at, at + 400), hertz) > 0.9) ms += 50;
  }
  return ms;
}
