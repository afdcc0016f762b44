import { expect, test } from 'bun:test'
import { PAGES, type Page, SCRIPT } from '../../../src/surfaces/platform/page-text.ts'

interface Input {
  name: string
  type: string
  value: string
  checked?: boolean
  dataset: Record<string, string>
}

/** As much of a browser as the script of the pages uses. */
function opened(page: Page, query: string, answer: () => Promise<Response>) {
  const inputs: Input[] = [...page.fields, page.code].map(({ name, type }) => ({ name, type, value: '', dataset: {} }))
  const code = inputs.at(-1) as Input
  code.dataset.query = page.query
  const button = { disabled: true, name: '' }
  const told = { textContent: '' }
  const sent: { url: string; body: unknown }[] = []
  const addresses: string[] = []
  let submit = (_event: { preventDefault(): void }): Promise<void> => Promise.resolve()
  const form = {
    dataset: { action: `/api/v1${page.action}`, done: page.done },
    hidden: false,
    elements: [...inputs, button],
    querySelector: (what: string) => (what === 'button' ? button : code),
    addEventListener: (_name: string, listener: typeof submit) => {
      submit = listener
    },
  }
  const document = { querySelector: (what: string) => (what === 'form' ? form : told) }
  const post = (url: string, { body }: { body: string }) => {
    sent.push({ url, body: JSON.parse(body) })
    return answer()
  }
  new Function('document', 'location', 'history', 'fetch', SCRIPT)(
    document,
    { search: query, pathname: page.path },
    { replaceState: (_state: null, _title: string, address: string) => addresses.push(address) },
    post,
  )
  const press = () => submit({ preventDefault: () => undefined })
  return { inputs, code, button, told, form, sent, addresses, press }
}

const pageAt = (path: string): Page => PAGES.find((page) => page.path === path) as Page
const ok = () => Promise.resolve(Response.json({ success: true }))

test('a link is opened without anything being sent, and its code leaves the address bar', () => {
  const page = opened(pageAt('/verify-email'), '?token=a%2Bb', ok)
  expect([page.code.value, page.addresses, page.sent, page.button.disabled]).toEqual(['a+b', ['/verify-email'], [], false])
})

test('what was filled in is sent when the button is pressed, empty fields are not', async () => {
  const page = opened(pageAt('/register'), '?invite=i1', ok)
  for (const input of page.inputs) if (input.type !== 'checkbox' && input.name !== 'display_name') input.value ||= `my ${input.name}`
  const terms = page.inputs.find(({ type }) => type === 'checkbox') as Input
  terms.checked = true
  await page.press()
  const body = { email: 'my email', password: 'my password', tenant_name: 'my tenant_name', accept_terms: true, invite_token: 'i1' }
  expect(page.sent).toEqual([{ url: '/api/v1/auth/register', body }])
  expect([page.form.hidden, page.told.textContent]).toEqual([true, pageAt('/register').done])
})

test('what the server refuses is told, and the form stays', async () => {
  const answers = [
    Response.json({ detail: 'This token is not valid.' }, { status: 400 }),
    Response.json({ detail: [{ loc: ['body', 'new_password'], msg: 'Too short' }] }, { status: 422 }),
  ]
  const page = opened(pageAt('/reset-password'), '?token=t', () => Promise.resolve(answers.shift() as Response))
  await page.press()
  expect([page.form.hidden, page.button.disabled, page.told.textContent]).toEqual([false, false, 'This token is not valid.'])
  await page.press()
  expect(page.told.textContent).toBe('new_password: Too short')
})

test('a server that cannot be reached is told as well', async () => {
  const page = opened(pageAt('/verify-email'), '', () => Promise.reject(new Error('offline')))
  await page.press()
  expect([page.form.hidden, page.told.textContent]).toEqual([false, 'The server could not be reached. Try again.'])
})
