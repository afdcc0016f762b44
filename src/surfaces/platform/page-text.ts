/** A field of a page's form, under its name in the API. */
export interface Field {
  name: string
  label: string
  type: 'text' | 'email' | 'password' | 'checkbox'
  hint?: string
  optional?: true
  /** For password managers. */
  autocomplete?: string
}

export interface Page {
  path: string
  title: string
  about: string
  /** Where the form goes, under the prefix of the API. */
  action: string
  /** The parameter of the link that holds the code, and the field that takes it. */
  query: string
  code: Field
  fields: readonly Field[]
  button: string
  done: string
}

const CODE = { label: 'Code from the mail', type: 'text' } as const

export const PAGES: readonly Page[] = [
  {
    path: '/verify-email',
    title: 'Confirm your e-mail address',
    about: 'Press the button to confirm that this address is yours.',
    action: '/auth/email/verify',
    query: 'token',
    code: { ...CODE, name: 'token' },
    fields: [],
    button: 'Confirm the address',
    done: 'The address is confirmed. You can close this page.',
  },
  {
    path: '/reset-password',
    title: 'Choose a new password',
    about: 'You will be signed out everywhere else.',
    action: '/auth/password/confirm',
    query: 'token',
    code: { ...CODE, name: 'token' },
    fields: [
      {
        ...{ name: 'new_password', label: 'New password', type: 'password', autocomplete: 'new-password' },
        hint: 'At least 14 characters, and hard to guess.',
      },
    ],
    button: 'Set the password',
    done: 'The password is set. You can sign in with it now.',
  },
  {
    path: '/register',
    title: 'Make an account',
    about: 'With an invitation its code is filled in already.',
    action: '/auth/register',
    query: 'invite',
    code: { name: 'invite_token', label: 'Code of the invitation', type: 'text', optional: true },
    fields: [
      { name: 'email', label: 'E-mail address', type: 'email', autocomplete: 'username' },
      {
        ...{ name: 'password', label: 'Password', type: 'password', autocomplete: 'new-password' },
        hint: 'At least 14 characters, and hard to guess.',
      },
      {
        ...{ name: 'tenant_name', label: 'Name of your organization', type: 'text', autocomplete: 'organization' },
        hint: 'Who is invited into one that is there joins it under the name it has.',
      },
      { name: 'display_name', label: 'Your name', type: 'text', optional: true, autocomplete: 'name' },
      { name: 'accept_terms', label: 'I accept the terms of whoever runs this server.', type: 'checkbox' },
    ],
    button: 'Register',
    done: 'The account is made. Confirm its address with the link that was sent to you.',
  },
]

export const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 26rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { font-size: 1.4rem; line-height: 1.2; }
label { display: block; margin-top: 1rem; }
input { font: inherit; box-sizing: border-box; width: 100%; padding: 0.5rem; }
input[type='checkbox'] { width: auto; margin-right: 0.5rem; }
small { display: block; }
button { font: inherit; margin-top: 1.5rem; padding: 0.6rem 1rem; width: 100%; cursor: pointer; }
[role='status'] { margin-top: 1.5rem; font-weight: 600; white-space: pre-line; }
`

/** The code leaves the address bar at once, so that neither the history nor a screenshot keeps it. */
export const SCRIPT = `
const form = document.querySelector('form')
const button = form.querySelector('button')
const told = document.querySelector('[role=status]')
const code = form.querySelector('[data-query]')
code.value = new URLSearchParams(location.search).get(code.dataset.query) || code.value
history.replaceState(null, '', location.pathname)
button.disabled = false

const sent = () => Object.fromEntries([...form.elements]
  .filter((input) => input.name && (input.type === 'checkbox' || input.value !== ''))
  .map((input) => [input.name, input.type === 'checkbox' ? input.checked : input.value]))

const sentence = ({ detail }) => Array.isArray(detail)
  ? detail.map(({ loc, msg }) => loc[loc.length - 1] + ': ' + msg).join('\\n')
  : detail || 'The server did not understand.'

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  button.disabled = true
  told.textContent = 'One moment ...'
  try {
    const answer = await fetch(form.dataset.action, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(sent()),
    })
    form.hidden = answer.ok
    told.textContent = answer.ok ? form.dataset.done : sentence(await answer.json())
  } catch {
    told.textContent = 'The server could not be reached. Try again.'
  }
  button.disabled = false
})
`
