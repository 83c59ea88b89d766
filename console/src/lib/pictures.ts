import { local } from './api'

const BIGGEST = 5 * 1024 * 1024

/** Where the page may load a picture from: this server or the address itself; null elsewhere. */
export function pictureAddress(address: string): string | null {
  const path = local(address)
  return path.startsWith('/') || path.startsWith('data:image/') ? path : null
}

/** A chosen picture as a data: address. */
export function dataAddress(file: File): Promise<string> {
  if (!file.type.startsWith('image/')) return Promise.reject(new Error('That is no picture.'))
  if (file.size > BIGGEST) return Promise.reject(new Error('A picture can have 5 MiB at most.'))
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(new Error('That picture can’t be read.'))
    reader.readAsDataURL(file)
  })
}
