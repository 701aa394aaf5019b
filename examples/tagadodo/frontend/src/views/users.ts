import { type Api, ApiError, type User } from '../api';
import { field, form, h } from '../html';

export function usersView(api: Api, leave: () => void): HTMLElement {
  const list = h('div', { 'aria-live': 'polite' }, h('p', { class: 'muted' }, 'Loading…'));

  const refresh = async () => {
    try {
      list.replaceChildren(table(await api.users()));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return leave();
      const reason = error instanceof Error ? error.message : String(error);
      const again = h('button', { type: 'button', class: 'quiet', click: refresh }, 'Try again');
      list.replaceChildren(h('p', { role: 'alert', class: 'complaint' }, reason), again);
    }
  };

  const add = async ({ email = '', name = '', password = '' }) => {
    await api.addUser({ email, name, password });
    await refresh();
  };
  const addForm = form(
    add,
    'Add user',
    field('Name', 'name', { maxlength: '100', autocomplete: 'off' }),
    field('Email', 'email', { type: 'email', autocomplete: 'off' }),
    field('Password', 'password', {
      type: 'password',
      minlength: '8',
      autocomplete: 'new-password',
    }),
  );

  void refresh();
  return h(
    'main',
    {},
    h('section', { class: 'card' }, h('h1', {}, 'Users'), list),
    h('section', { class: 'card' }, h('h2', {}, 'Add a user'), addForm),
  );
}

function table(users: User[]): HTMLElement {
  const heads = ['Name', 'Email', 'Status', 'Since'].map((head) => h('th', { scope: 'col' }, head));
  return h('table', {}, h('thead', {}, h('tr', {}, ...heads)), h('tbody', {}, ...users.map(row)));
}

function row({ name, email, status, createdAt }: User): HTMLElement {
  const since = new Date(createdAt).toLocaleDateString(undefined, { dateStyle: 'medium' });
  return h(
    'tr',
    {},
    h('td', {}, name),
    h('td', {}, email),
    h('td', {}, h('span', { class: `status ${status}` }, status)),
    h('td', { class: 'muted' }, since),
  );
}
