import { svelte } from '@sveltejs/vite-plugin-svelte'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const server = process.env.TRUNKLINE_URL ?? 'http://127.0.0.1:8080'
const routes = ['session', 'login', 'credentials', 'events'].map((name) => `/console/${name}`)

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  base: '/console/',
  plugins: [svelte()],
  // Pages come with their products, outside of this folder.
  resolve: { alias: { $console: here('./src') } },
  build: {
    target: 'es2022',
    // The server's content security policy refuses data: addresses for anything but pictures.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    fs: { allow: [here('.'), here('../crates/products/src')] },
    proxy: Object.fromEntries(
      [...routes, '/2010-04-01', '/trunkline', '/monitor', '/iam', '/dev'].map((path) => [
        path,
        // The session cookie is named after the port of Host: it must stay as the browser sent it.
        { target: server, changeOrigin: false },
      ]),
    ),
  },
})
