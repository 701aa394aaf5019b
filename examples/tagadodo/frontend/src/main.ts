import './style.css';
import { Api } from './api';
import { loadConfig, ownVersion } from './config';
import { h } from './html';
import { socketUrl, watchVersion } from './live';
import { loginView } from './views/login';
import { usersView } from './views/users';

async function start(app: HTMLElement): Promise<void> {
  const api = new Api((await loadConfig()).apiUrl);
  const page = h('div');
  const logout = h('button', { type: 'button', class: 'quiet', click: () => leave() }, 'Log out');

  const show = () => {
    const path = api.loggedIn ? '/users' : '/login';
    if (location.pathname !== path) history.replaceState(null, '', path);
    logout.toggleAttribute('hidden', !api.loggedIn);
    page.replaceChildren(api.loggedIn ? usersView(api, leave) : loginView(api, show));
  };
  const leave = () => {
    api.logout();
    show();
  };

  app.replaceChildren(
    h('header', {}, h('a', { href: '/', class: 'brand' }, 'Taga Dodo'), logout),
    page,
    footer(api),
  );
  show();
}

function footer(api: Api): HTMLElement {
  const version = h('output', { class: 'version' }, '…');
  const dot = h('span', { class: 'dot', title: 'Connection to the API' });
  const name = (value: string) => version.replaceChildren(value);
  api.version().then(name, () => name('unreachable'));
  watchVersion(socketUrl(api.url, location.href), (live) => {
    dot.classList.toggle('live', live !== undefined);
    if (live !== undefined) name(live);
  });
  return h('footer', {}, dot, 'API ', version, ` · Admin ${ownVersion()}`);
}

const app = document.querySelector<HTMLElement>('#app');
if (app) {
  start(app).catch((error: Error) => {
    app.replaceChildren(h('p', { role: 'alert', class: 'complaint' }, error.message));
  });
}
