import type { Api } from '../api';
import { field, form, h } from '../html';

export function loginView(api: Api, done: () => void): HTMLElement {
  const submit = async ({ email = '', password = '' }) => {
    await api.login(email, password);
    done();
  };
  return h(
    'main',
    { class: 'card narrow' },
    h('h1', {}, 'Welcome back'),
    h('p', { class: 'muted' }, 'Log in to manage the users of Taga Dodo.'),
    form(
      submit,
      'Log in',
      field('Email', 'email', { type: 'email', autocomplete: 'username', autofocus: true }),
      field('Password', 'password', { type: 'password', autocomplete: 'current-password' }),
    ),
  );
}
